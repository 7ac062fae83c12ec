import { CONFIG_MAPS, type ConfigMap, type Informer, type KubeClient } from '@weft/kube';
import type { Logger, Service } from '@weft/runtime';
import { serialText, type CertificateSummary } from '@weft/spiffe';
import { NO_REVOCATIONS, readRevocations, type Revocations } from './revocations.js';

/** In the namespace of the CA; written by operators, read by every replica. */
const REVOCATIONS_CONFIG_MAP = 'ca-revocations';

export interface RevocationRegisterOptions {
  readonly kube: Pick<KubeClient, 'informer' | 'event'>;
  readonly namespace: string;
  readonly log: Logger;
}

/** What is taken back now, as the watch has it. */
export class RevocationRegister implements Service {
  readonly name = 'revocations';
  readonly #informer: Informer<ConfigMap>;
  readonly #listeners = new Set<() => void>();
  #current: Revocations = NO_REVOCATIONS;

  constructor(private readonly options: RevocationRegisterOptions) {
    const { kube, namespace } = options;
    this.#informer = kube.informer(CONFIG_MAPS, {
      namespace,
      fieldSelector: `metadata.name=${REVOCATIONS_CONFIG_MAP}`,
    });
    const take = (object: ConfigMap): void => this.#take(object, readRevocations(object));
    this.#informer.on({ added: take, updated: take, deleted: (object) => this.#take(object, NO_REVOCATIONS) });
  }

  async start(): Promise<void> {
    await this.#informer.start();
    await this.#informer.synced;
  }

  async stop(): Promise<void> {
    await this.#informer.stop();
  }

  get current(): Revocations {
    return this.#current;
  }

  onChange(listener: () => void): void {
    this.#listeners.add(listener);
  }

  /** Why no certificate is issued for this identity; null if that is not so. */
  refusal(spiffeId: string): string | null {
    const revoked = this.#current.identities.find((entry) => entry.spiffeId === spiffeId);
    return revoked?.issuedBeforeMs === null ? `${spiffeId} is revoked by ConfigMap ${REVOCATIONS_CONFIG_MAP}` : null;
  }

  /** Why a certificate proves nothing any more; null if it is good. */
  certificateRefusal(certificate: CertificateSummary): string | null {
    const { serialNumber, notBefore, uriSans } = certificate;
    const { serials, identities } = this.#current;
    if (serials.includes(serialText(serialNumber))) return `certificate ${serialNumber} is revoked`;
    const revoked = identities.find(({ spiffeId }) => uriSans.includes(spiffeId));
    if (revoked === undefined) return null;
    const { spiffeId, issuedBeforeMs } = revoked;
    return issuedBeforeMs === null || notBefore.getTime() < issuedBeforeMs
      ? `${spiffeId} is revoked by ConfigMap ${REVOCATIONS_CONFIG_MAP}`
      : null;
  }

  #take(object: ConfigMap, next: Revocations): void {
    const { log, kube } = this.options;
    this.#current = next;
    const { serials, identities, problems } = next;
    log.info({ serials: serials.length, identities: identities.length }, 'revocations changed');
    for (const problem of problems) {
      log.error({ problem }, 'revocation cannot be read; the others count');
      kube.event(object, 'Warning', 'RevocationRefused', problem);
    }
    for (const listener of this.#listeners) listener();
  }
}
