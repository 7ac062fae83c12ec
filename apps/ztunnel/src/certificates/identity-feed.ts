import { toError, type Clock } from '@weft/result';
import type { SecretState, Svid } from '@weft/spiffe';
import type { DataPlanePort } from '../pods/data-plane-port.js';

/** Keeps certificates; `SecretManager` of @weft/spiffe is one. */
export interface CertificateSource {
  get(spiffeId: string, priority?: 0 | 1 | 2): Promise<Svid>;
  watch(spiffeId: string, callback: (svid: Svid) => void): () => void;
  /** Asks for another one although the present one is not old. */
  renew(spiffeId: string): void;
  forget(spiffeId: string): void;
  states(): ReadonlyMap<string, SecretState>;
}

export interface IdentityFeedOptions {
  readonly certificates: CertificateSource;
  readonly dataPlane: DataPlanePort;
  readonly clock: Clock;
  readonly log: { warn(fields: object, message: string): void };
  /** A certificate was issued or renewed, with its roots. */
  readonly onIdentity: (spiffeId: string) => void;
}

const URGENT_RETRY_MS = 1000;
/** A worker gives a waiting connection 10 s. */
const URGENT_ATTEMPTS = 12;

/**
 * Gives workers the certificates of the identities that live on this node, no others: `setNeeded` says which. Each is asked
 * for as soon as it is needed, sent again at every renewal, and dropped with its key when nothing here uses it any more.
 */
export class IdentityFeed {
  readonly #unwatch = new Map<string, () => void>();
  readonly #urgent = new Set<string>();

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
      if (!this.#unwatch.has(spiffeId)) this.#watch(spiffeId);
    }
  }

  /** A connection waits for it in one worker: while one does, the CA is asked every second and not at its back-off. */
  async needed(spiffeId: string, workerIndex: number): Promise<void> {
    const { certificates, dataPlane, clock, log } = this.options;
    if (!this.#unwatch.has(spiffeId)) {
      log.warn({ identity: spiffeId }, 'a connection asks for an identity that has no pod on this node');
      return;
    }
    const current = certificates.states().get(spiffeId);
    if (current?.kind === 'available' && current.svid.notAfter.getTime() > clock.now()) {
      dataPlane.send({ type: 'setIdentity', identity: toMessage(current.svid) }, workerIndex);
    } else if (!this.#urgent.has(spiffeId)) {
      this.#urgent.add(spiffeId);
      await this.#obtain(spiffeId);
      this.#urgent.delete(spiffeId);
    }
  }

  async #obtain(spiffeId: string): Promise<void> {
    const { certificates, clock, log } = this.options;
    for (let attempt = 1; attempt <= URGENT_ATTEMPTS && this.#unwatch.has(spiffeId); attempt++) {
      try {
        await certificates.get(spiffeId, 0);
        return;
      } catch (thrown) {
        if (attempt === 1) {
          log.warn(
            { identity: spiffeId, error: toError(thrown).message },
            'no certificate for a waiting connection; retrying',
          );
        }
      }
      await new Promise<void>((resolve) => clock.after(URGENT_RETRY_MS, resolve));
      if (certificates.states().get(spiffeId)?.kind === 'unavailable') this.#restart(spiffeId);
    }
  }

  /** Nothing is lost: there is no usable certificate. A new watch asks at once. */
  #restart(spiffeId: string): void {
    const unwatch = this.#unwatch.get(spiffeId);
    if (unwatch === undefined) return;
    unwatch();
    this.options.certificates.forget(spiffeId);
    this.#watch(spiffeId);
  }

  #watch(spiffeId: string): void {
    // Taken before the call: a certificate that is there already is delivered from inside it.
    this.#unwatch.set(spiffeId, () => undefined);
    this.#unwatch.set(
      spiffeId,
      this.options.certificates.watch(spiffeId, (svid) => this.#deliver(svid)),
    );
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
