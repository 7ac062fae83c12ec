import { isLoopback, parseSocketAddress, type SocketAddress } from '@weft/ip';
import type { TunnelFailure } from './client-tunnel.js';
import { isOwnPort } from './limits.js';
import type { Deadline } from './loop.js';
import type { PlainTarget } from './messages.js';
import type { PodServices } from './pod-services.js';
import type { DialOutcome } from './transport.js';

export interface PlainAttemptOwner {
  /** The descriptor is the owner's. */
  onConnected(fd: number): void;
  /** Another target may do better. */
  onTargetFailed(failure: TunnelFailure, sameAgain: boolean): void;
  /** No other target is asked. */
  onRefused(failure: TunnelFailure): void;
}

/** One for all connections, of which there are many. */
const NOTHING = (): void => undefined;

/** One try of one target in plaintext. Tells its owner how it ended, once, unless it is withdrawn before. */
export class PlainAttempt {
  /** It asks no one who has an identity. */
  readonly peerIdentity = '';
  #withdraw: () => void = NOTHING;
  #deadline: Deadline | null = null;

  constructor(
    private readonly services: PodServices,
    private readonly target: PlainTarget,
    private readonly owner: PlainAttemptOwner,
  ) {}

  /** May tell the owner before it returns. `patienceMs`: how long the target may say nothing. */
  start(patienceMs: number): void {
    const { dial } = this.target;
    const address = parseSocketAddress(dial);
    if (address === null) {
      this.owner.onRefused({ reason: `bad address ${dial}`, flag: 'CONNECT' });
      return;
    }
    if (this.#isLoop(address)) {
      this.owner.onRefused({ reason: 'attempted recursive call to ourselves', flag: 'none' });
      return;
    }
    // The deadline of the connect itself is longer.
    if (patienceMs !== Infinity) this.#giveUpAfter(patienceMs);
    this.#withdraw = this.services.pod.dial(address, null, (outcome) => this.#dialled(outcome));
  }

  /** Nobody is interested any more. */
  withdraw(): void {
    this.services.loop.cancel(this.#deadline);
    this.#withdraw();
    this.#withdraw = NOTHING;
  }

  #isLoop({ ip, port }: SocketAddress): boolean {
    return isLoopback(ip) && isOwnPort(port, this.services.limits);
  }

  #giveUpAfter(timeoutMs: number): void {
    this.#deadline = this.services.loop.deadline(timeoutMs, () => {
      this.withdraw();
      const reason = `no connection to ${this.target.dial} after ${timeoutMs} ms`;
      this.owner.onTargetFailed({ reason, flag: 'CONNECT' }, false);
    });
  }

  #dialled(outcome: DialOutcome): void {
    this.#withdraw = NOTHING;
    this.services.loop.cancel(this.#deadline);
    if (outcome.kind === 'connected') {
      this.owner.onConnected(outcome.fd);
      return;
    }
    const why = outcome.kind === 'failed' ? outcome.reason : 'timed out';
    this.owner.onTargetFailed({ reason: `connect to ${this.target.dial}: ${why}`, flag: 'CONNECT' }, false);
  }
}
