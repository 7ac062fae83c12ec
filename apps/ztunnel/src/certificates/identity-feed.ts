import { toError } from '@weft/result';
import type { SecretState, Svid } from '@weft/spiffe';
import type { DataPlanePort } from '../pods/data-plane-port.js';

/** Keeps certificates; `SecretManager` of @weft/spiffe is one. */
export interface CertificateSource {
  get(spiffeId: string, priority?: 0 | 1 | 2): Promise<Svid>;
  watch(spiffeId: string, callback: (svid: Svid) => void): () => void;
  forget(spiffeId: string): void;
  states(): ReadonlyMap<string, SecretState>;
}

export interface IdentityFeedOptions {
  readonly certificates: CertificateSource;
  readonly dataPlane: DataPlanePort;
  readonly log: { warn(fields: object, message: string): void };
  /** A certificate was issued or renewed, with its roots. */
  readonly onIdentity: (spiffeId: string) => void;
}

/**
 * Gives workers the certificates of the identities that live on this node, no others: `setNeeded` says which. Each is asked
 * for as soon as it is needed, sent again at every renewal, and dropped with its key when nothing here uses it any more.
 */
export class IdentityFeed {
  readonly #unwatch = new Map<string, () => void>();

  constructor(private readonly options: IdentityFeedOptions) {}

  setNeeded(identities: ReadonlySet<string>): void {
    const { certificates, dataPlane } = this.options;
    for (const [spiffeId, unwatch] of this.#unwatch) {
      if (identities.has(spiffeId)) continue;
      this.#unwatch.delete(spiffeId);
      unwatch();
      certificates.forget(spiffeId);
      dataPlane.send({ type: 'dropIdentity', spiffeId });
    }
    for (const spiffeId of identities) {
      if (this.#unwatch.has(spiffeId)) continue;
      // Taken before the call: a certificate that is there already is delivered from inside it.
      this.#unwatch.set(spiffeId, () => undefined);
      this.#unwatch.set(
        spiffeId,
        certificates.watch(spiffeId, (svid) => this.#deliver(svid)),
      );
    }
  }

  /** A connection waits for it in one worker. */
  async needed(spiffeId: string, workerIndex: number): Promise<void> {
    const { certificates, dataPlane, log } = this.options;
    if (!this.#unwatch.has(spiffeId)) {
      log.warn({ identity: spiffeId }, 'a connection asks for an identity that has no pod on this node');
      return;
    }
    try {
      const svid = await certificates.get(spiffeId, 0);
      if (this.#unwatch.has(spiffeId)) dataPlane.send({ type: 'setIdentity', identity: toMessage(svid) }, workerIndex);
    } catch (thrown) {
      log.warn(
        { identity: spiffeId, error: toError(thrown).message },
        'no certificate for a waiting connection; retrying',
      );
    }
  }

  states(): ReadonlyMap<string, SecretState> {
    return this.options.certificates.states();
  }

  #deliver(svid: Svid): void {
    if (!this.#unwatch.has(svid.spiffeId)) return;
    this.options.dataPlane.send({ type: 'setIdentity', identity: toMessage(svid) });
    this.options.onIdentity(svid.spiffeId);
  }
}

function toMessage({ spiffeId, certificateChainPem, privateKeyPem, rootsPem }: Svid) {
  return { spiffeId, certificateChainPem, privateKeyPem, rootsPem };
}
