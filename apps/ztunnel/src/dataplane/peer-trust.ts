import { parseSpiffeId, RevocationList } from '@weft/spiffe/identity';
import type { Loop, Task } from './loop.js';
import type { FromWorker, ToWorker } from './messages.js';
import type { SecureSocket } from './secure-socket.js';

/** An open tunnel whose peer may be looked at again. */
export interface TrustingTunnel {
  /** Ends itself if the peer is not to be trusted any more. */
  recheckPeer(): void;
}

/** Tunnels looked at per turn: some ten milliseconds at most. */
const CHECKED_PER_TURN = 200;
/** Istio's words. */
const REVOKED = 'peer certificate revoked by CRL';

/**
 * Whom this worker trusts beyond what TLS checks: certificates that were not taken back, and names of other trust domains that
 * mean the same mesh. When that changes, every open tunnel is looked at again, a part of them in each turn.
 */
export class PeerTrust implements Task {
  planned = false;
  #revoked = RevocationList.EMPTY;
  #trustDomains: ReadonlySet<string> = new Set();
  readonly #tunnels = new Set<TrustingTunnel>();
  #unchecked: Iterator<TrustingTunnel> | null = null;

  constructor(
    private readonly loop: Loop,
    private readonly post: (message: FromWorker) => void,
  ) {}

  set({ crl, issuersPem, distrustedRootsPem, trustDomains }: Extract<ToWorker, { type: 'setPeerTrust' }>): void {
    const list = RevocationList.read(Buffer.from(crl, 'base64'), issuersPem, distrustedRootsPem);
    // The main thread has read it before: this does not happen.
    if (!list.ok) this.post({ type: 'log', level: 'error', message: list.error.message });
    else this.#revoked = list.value;
    this.#trustDomains = new Set(trustDomains);
    this.#unchecked = [...this.#tunnels].values();
    this.loop.plan(this);
  }

  join(tunnel: TrustingTunnel): void {
    this.#tunnels.add(tunnel);
  }

  leave(tunnel: TrustingTunnel): void {
    this.#tunnels.delete(tunnel);
  }

  /** Why the peer must be refused although TLS accepted it; null if it need not be. */
  refusal(socket: Pick<SecureSocket, 'peerChain'>): string | null {
    if (this.#revoked.isEmpty) return null;
    const why = this.#revoked.refusal(socket.peerChain());
    return why === null ? null : `${REVOKED}: ${why}`;
  }

  /** Is a peer of trust domain `theirs` of the same mesh as a workload of `own`? */
  isSameMesh(own: string, theirs: string): boolean {
    return own === theirs || (this.#trustDomains.has(own) && this.#trustDomains.has(theirs));
  }

  /** Is the name that a peer shows one of those that it must have? */
  isExpected(shown: string, expected: readonly string[]): boolean {
    const peer = parseSpiffeId(shown);
    if (!peer.ok) return false;
    if (expected.includes(shown)) return true;
    if (!this.#trustDomains.has(peer.value.trustDomain)) return false;
    const { namespace, serviceAccount } = peer.value;
    return expected.some((name) => {
      const want = parseSpiffeId(name);
      if (!want.ok || !this.#trustDomains.has(want.value.trustDomain)) return false;
      return want.value.namespace === namespace && want.value.serviceAccount === serviceAccount;
    });
  }

  run(): void {
    for (let count = 0; count < CHECKED_PER_TURN; count++) {
      const next = this.#unchecked?.next();
      if (next === undefined || next.done === true) {
        this.#unchecked = null;
        return;
      }
      if (this.#tunnels.has(next.value)) next.value.recheckPeer();
    }
    this.loop.plan(this);
  }

  onCrash(error: Error): void {
    this.loop.report(error);
  }
}
