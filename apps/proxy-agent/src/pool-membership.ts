import type { Result } from '@weft/result';
import { err, ok } from '@weft/result';
import { formatSpiffeId, parseSpiffeId } from '@weft/spiffe';

/** In whose name a proxy of the pool is to work. */
export interface ClaimedIdentity {
  readonly namespace: string;
  readonly serviceAccount: string;
}

/**
 * A proxy of the pool: warm and without identity until it is told whom it belongs to. What it is told is only a hint: the CA and
 * the control plane look at the claim on its pod themselves, and a wrong hint leads to nothing. So another one is taken, too,
 * until a certificate was issued; after that the proxy is what it is until its end.
 */
export class PoolMembership {
  #claimed: ClaimedIdentity | null = null;
  #settled = false;
  readonly #waiting: (() => void)[] = [];
  #follow: (spiffeId: string) => void = () => undefined;

  constructor(private readonly trustDomain: string) {}

  get claimed(): ClaimedIdentity | null {
    return this.#claimed;
  }

  /** `follow` is told the identity to ask for, each time that it is another one. */
  onClaim(follow: (spiffeId: string) => void): void {
    this.#follow = follow;
  }

  /** Resolves with the first claim. */
  whenClaimed(): Promise<void> {
    return this.#claimed !== null ? Promise.resolve() : new Promise((resolve) => this.#waiting.push(resolve));
  }

  /** The CA has agreed. */
  settle(): void {
    this.#settled = true;
  }

  /** From a request's body. */
  claim(body: unknown): Result<void, string> {
    const { namespace, serviceAccount } = (body ?? {}) as Partial<Record<keyof ClaimedIdentity, unknown>>;
    if (typeof namespace !== 'string' || typeof serviceAccount !== 'string')
      return err('want {"namespace": ..., "serviceAccount": ...}');
    const spiffeId = formatSpiffeId(this.trustDomain, namespace, serviceAccount);
    if (!parseSpiffeId(spiffeId).ok) return err('namespace and serviceAccount cannot be those of an identity');
    const now = this.#claimed;
    if (now?.namespace === namespace && now.serviceAccount === serviceAccount) return ok(undefined);
    if (this.#settled) return err(`claimed already for ${now?.namespace ?? ''}/${now?.serviceAccount ?? ''}`);
    this.#claimed = { namespace, serviceAccount };
    this.#follow(spiffeId);
    for (const resolve of this.#waiting.splice(0)) resolve();
    return ok(undefined);
  }
}
