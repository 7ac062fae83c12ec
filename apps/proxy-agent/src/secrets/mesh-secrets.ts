import type { Clock } from '@weft/result';
import type { Svid } from '@weft/spiffe';
import type { XdsResource } from '@weft/xds';
import { crlForEnvoy } from './crl-for-envoy.js';
import { secretsOf } from './secret-resources.js';

export interface MeshSecretsOptions {
  readonly publish: (secrets: readonly XdsResource[]) => void;
  /** The CRL file as it is now; empty for none. */
  readonly crl: () => Buffer;
  readonly clock: Clock;
  readonly log: { info(fields: object, message: string): void; error(fields: object, message: string): void };
  /** Told after each look at the CRL. */
  readonly onCrl: (state: { readonly refused: boolean }) => void;
}

/** How soon a list that has become too old is taken away from Envoy. */
const LOOK_AGAIN_MS = 60_000;

/** What Envoy gets by SDS: certificate, roots and CRL, together whenever one of them changes. */
export class MeshSecrets {
  #svid: Svid | null = null;
  #crlPem = '';
  #refusal: string | null = null;
  #cancel: () => void = () => undefined;

  constructor(private readonly options: MeshSecretsOptions) {}

  useSvid(svid: Svid): void {
    this.#svid = svid;
    this.#judgeCrl();
    this.options.publish(secretsOf(svid, this.#crlPem));
  }

  /** To be called when the CRL file has changed. */
  crlChanged(): void {
    const before = this.#crlPem;
    this.#judgeCrl();
    if (this.#svid !== null && this.#crlPem !== before) this.options.publish(secretsOf(this.#svid, this.#crlPem));
  }

  close(): void {
    this.#cancel();
  }

  /** A broken file leaves the last good one in force, as in ztunnel; one that would cut good peers off takes it away. */
  #judgeCrl(): void {
    const { crl, clock, log, onCrl } = this.options;
    this.#cancel();
    if (this.#svid === null) return;
    const content = crl();
    const judged = crlForEnvoy(content, this.#svid, clock.now());
    if (judged.ok) {
      if (judged.value !== this.#crlPem) log.info({ bytes: judged.value.length }, 'CRL given to Envoy');
      this.#crlPem = judged.value;
    } else if (judged.error.kind === 'unfit') this.#crlPem = '';
    const refusal = judged.ok ? null : judged.error.reason;
    if (refusal !== null && refusal !== this.#refusal)
      log.error({ reason: refusal, inForce: this.#crlPem !== '' }, 'CRL refused; Envoy does not get it');
    this.#refusal = refusal;
    onCrl({ refused: refusal !== null });
    if (content.length > 0) this.#cancel = clock.after(LOOK_AGAIN_MS, () => this.crlChanged());
  }
}
