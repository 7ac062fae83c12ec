import { http2CodeName, Http2Code, type HboneResponse, type HboneStream } from '@weft/hbone';
import { WITHDRAWN, type ClientTunnel, type TunnelFailure } from './client-tunnel.js';
import { InnerTunnel, type InnerStream } from './inner-tunnel.js';
import type { Deadline } from './loop.js';
import type { FailureFlag, HboneTarget, InnerTarget } from './messages.js';
import type { PodServices } from './pod-services.js';
import type { StreamSeeker } from './tunnel-pool.js';
import type { TunnelError, TunnelStreamUser } from './tunnel.js';

export interface HboneAttemptOwner {
  /** The client's address. */
  readonly source: string;
  /** One per connection, on every request that it makes. */
  readonly traceParent: string;
  /** Answered 200: the stream is the owner's, who calls `onEnded`, if there is one, when no byte is left. */
  onStream(far: InnerStream, onEnded: (() => void) | null): void;
  /** Another target may do better; `sameAgain`: or this one, asked once more. */
  onTargetFailed(failure: TunnelFailure, sameAgain: boolean): void;
  /** An answer, which is not asked for twice. The attempt still has to be withdrawn. */
  onRefused(failure: TunnelFailure): void;
}

export interface HboneAttemptParts {
  readonly target: HboneTarget;
  readonly sourceIdentity: string;
  /** Of the source; empty for none. */
  readonly baggage: string;
  /** How long the target may say nothing. */
  readonly patienceMs: number;
  readonly owner: HboneAttemptOwner;
}

/** One for all connections, of which there are many. */
const NOTHING = (): void => undefined;

/**
 * One try of one HBONE target: a stream of a tunnel to it, the CONNECT, and its answer; behind a gateway the same once more
 * within that stream. Tells its owner how it ended, once, unless it is withdrawn before.
 */
export class HboneAttempt implements StreamSeeker, TunnelStreamUser {
  /** Takes back what is waited for: a stream, or the inner tunnel. */
  #withdraw: () => void = NOTHING;
  #deadline: Deadline | null = null;
  #stream: { readonly stream: HboneStream; readonly tunnel: ClientTunnel; readonly reused: boolean } | null = null;
  #over = false;

  constructor(
    private readonly services: PodServices,
    private readonly parts: HboneAttemptParts,
  ) {}

  /** May tell the owner before it returns. */
  start(): void {
    const { target, sourceIdentity, patienceMs } = this.parts;
    const withdraw = this.services.pool.request(sourceIdentity, target, this);
    if (withdraw === null) return;
    this.#withdraw = withdraw;
    // The deadlines of the tunnel and of its connect are longer.
    if (patienceMs !== Infinity) this.#giveUpAfter(patienceMs, `no connection to ${target.dial}`);
  }

  /** Whose tunnel was asked, while it is waited for the answer; empty before and after. */
  get peerIdentity(): string {
    return this.#stream?.tunnel.peerIdentity ?? '';
  }

  /** Nobody is interested any more. */
  withdraw(): void {
    this.#over = true;
    this.services.loop.cancel(this.#deadline);
    this.#withdraw();
    this.#withdraw = NOTHING;
    this.#reset();
  }

  // ---- StreamSeeker

  get authority(): string {
    return this.parts.target.authority;
  }

  headers(): readonly (readonly [string, string])[] {
    const { baggage, owner, target } = this.parts;
    const host = target.forwardedHost === undefined ? '' : `;host=${target.forwardedHost}`;
    return [
      ...(baggage === '' ? [] : [['baggage', baggage] as const]),
      ['forwarded', `for="${owner.source}"${host}`],
      ['traceparent', owner.traceParent],
    ];
  }

  onStream(stream: HboneStream, tunnel: ClientTunnel, reused: boolean): void {
    this.#withdraw = NOTHING;
    if (this.#over) {
      tunnel.tunnel?.http.reset(stream, Http2Code.CANCEL);
      return;
    }
    this.#stream = { stream, tunnel, reused };
    stream.user = this;
    const timeoutMs = Math.min(this.services.limits.responseTimeoutMs, this.parts.patienceMs);
    this.#giveUpAfter(timeoutMs, `no answer to CONNECT ${this.authority}`);
  }

  onNoStream(failure: TunnelFailure): void {
    this.#withdraw = NOTHING;
    this.#failed(failure, failure.again === true);
  }

  // ---- TunnelStreamUser, before the 200

  onResponse({ status }: HboneResponse): void {
    if (status !== 200) {
      this.#answeredNo(status);
      return;
    }
    const { stream, tunnel } = this.#stream!;
    const { inner } = this.parts.target;
    if (inner !== undefined) this.#goInside(inner);
    else this.#succeeded({ stream, tunnel: tunnel.tunnel!, peerIdentity: tunnel.peerIdentity, peerBaggage: null });
  }

  /**
   * A peer that cannot reach its application (503) may be an endpoint that is just going away, and it has not seen a byte:
   * another one is tried. A refusal by policy is an answer and is not asked for twice.
   */
  #answeredNo(status: number): void {
    const reason = `http status: ${status}`;
    if (status === 503) {
      this.#reset();
      this.#failed({ reason, flag: 'CONNECT' }, false);
    } else {
      this.#refuse({ reason, flag: status === 401 ? 'DENY' : 'CONNECT' });
    }
  }

  onReset(code: number): void {
    const stream = this.#stream;
    this.#stream = null;
    const again = code === Http2Code.REFUSED_STREAM;
    const reason = `CONNECT ${this.authority}: stream reset: ${http2CodeName(code)}`;
    this.#failed({ reason, flag: 'CONNECT' }, again && stream !== null);
  }

  onTunnelClosed(error: TunnelError): void {
    const reused = this.#stream?.reused === true;
    this.#stream = null;
    const flag: FailureFlag = error.flag ?? (error.stage === 'tls' ? 'TLS_FAILURE' : 'CONNECT');
    this.#failed({ reason: `tunnel to ${this.parts.target.dial}: ${error.reason}`, flag }, reused);
  }

  onData(): void {
    // The connection gives no bytes before the response.
  }

  onEnd(): void {
    // Said with the response at the earliest, which comes first.
  }

  onWritable(): void {
    // Nothing was reserved yet.
  }

  onCrash(error: Error): void {
    this.#refuse({ reason: `internal error: ${error.message}`, flag: 'none' });
  }

  // ---- behind a gateway

  /** The gateway let us through: now the same once more with whoever is behind it. */
  #goInside({ expectedIdentities, forwardedNetwork }: InnerTarget): void {
    const context = this.services.identities.peek(this.parts.sourceIdentity);
    if (context === null) {
      this.#reset();
      this.#failed(WITHDRAWN, true);
      return;
    }
    const { stream, tunnel } = this.#stream!;
    this.#stream = null;
    const inner: InnerTunnel | null = InnerTunnel.open(this.services, {
      outer: { tunnel: tunnel.tunnel!, stream },
      context,
      expectedIdentities,
      authority: this.authority,
      headers: [...this.headers(), ['x-forwarded-network', forwardedNetwork]],
      onStream: (far) => this.#succeeded(far, () => inner?.finish()),
      onFailed: (failure, retry) => {
        this.#withdraw = NOTHING;
        if (retry) this.#failed(failure, false);
        else this.#refuse(failure);
      },
    });
    if (inner !== null) this.#withdraw = () => inner.abort();
  }

  // ---- ends

  #succeeded(far: InnerStream, onEnded: (() => void) | null = null): void {
    this.#stream = null;
    this.#end();
    this.parts.owner.onStream(far, onEnded);
  }

  #failed(failure: TunnelFailure, sameAgain: boolean): void {
    if (this.#over) return;
    this.#end();
    this.parts.owner.onTargetFailed(failure, sameAgain);
  }

  #refuse(failure: TunnelFailure): void {
    if (!this.#over) this.parts.owner.onRefused(failure);
  }

  #end(): void {
    this.#over = true;
    this.#withdraw = NOTHING;
    this.services.loop.cancel(this.#deadline);
  }

  #giveUpAfter(timeoutMs: number, what: string): void {
    this.services.loop.cancel(this.#deadline);
    this.#deadline = this.services.loop.deadline(timeoutMs, () => {
      this.withdraw();
      this.parts.owner.onTargetFailed({ reason: `${what} after ${timeoutMs} ms`, flag: 'CONNECT' }, false);
    });
  }

  /** Gives an open stream back. */
  #reset(): void {
    const open = this.#stream;
    this.#stream = null;
    open?.tunnel.tunnel?.http.reset(open.stream, Http2Code.CANCEL);
  }
}
