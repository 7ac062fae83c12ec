import { http2CodeName, Http2Code, type HboneResponse, type HboneStream } from '@weft/hbone';
import { formatSocketAddress, isLoopback, parseSocketAddress, type SocketAddress } from '@weft/ip';
import { originalDestination } from './accepted-address.js';
import type { ClientTunnel, TunnelFailure } from './client-tunnel.js';
import { isOwnPort } from './limits.js';
import type { Deadline } from './loop.js';
import { InnerTunnel, type InnerStream } from './inner-tunnel.js';
import type { FailureFlag, HboneTarget, InnerTarget, OutboundPlan, PlainTarget, WaypointRefusal } from './messages.js';
import { PlainRelay } from './plain-relay.js';
import type { PlainSocket, PlainSocketOwner } from './plain-socket.js';
import type { Pod, PodMember } from './pod.js';
import type { PodServices } from './pod-services.js';
import { StreamRelay } from './stream-relay.js';
import { isSampled, traceParent } from './trace-parent.js';

import type { Accepted, DialOutcome } from './transport.js';
import type { StreamSeeker } from './tunnel-pool.js';
import type { TunnelError, TunnelStreamUser } from './tunnel.js';
import { drawTarget, targetCount, targetKey, type Drawn } from './draw-target.js';

/** One with targets. */
type TriedPlan = Extract<OutboundPlan, { kind: 'hbone' | 'plain' }>;
type HbonePlan = Extract<OutboundPlan, { kind: 'hbone' }>;

/** One for all connections, of which there are many. */
const NOTHING = (): void => undefined;

const MAX_TRIES = 8;
/** After this no third target is tried: the client had better know. */
const RETRIES_END_MS = 8_000;
/** Silence of a target after which another one is tried, if there is one. */
const PATIENCE_MS = 2_000;

/**
 * A captured connection of the pod's own: from the accept until bytes flow, or until it is known that they never will.
 * No byte of the client is read before the far side has answered 200 (or, in plaintext, is connected); that is why
 * others can be tried when one fails: each of the plan's targets at most once, from the plan of that moment, since the one
 * that failed may be gone from it by now.
 */
export class OutboundConnection implements PodMember, PlainSocketOwner, TunnelStreamUser, StreamSeeker {
  readonly #client: PlainSocket;
  readonly #destination: string;
  readonly #source: string;
  readonly #acceptedMs: number;
  /** Of the tries: the accept, or the end of waiting for a waypoint. */
  #startedMs: number;
  #plan: TriedPlan | null = null;
  #target: Drawn | null = null;
  #rejectedId: number | undefined;
  /** One per connection, on every request that it makes. */
  #traceParent: string | null = null;
  /** What was tried in vain; null until then. */
  #failed: Set<string> | null = null;
  #failure: TunnelFailure | null = null;
  #tries = 0;
  /** Takes back what is waited for: the plan, a stream, a dial. */
  #withdraw: () => void = NOTHING;
  #afterRelay: () => void = NOTHING;
  #deadline: Deadline | null = null;
  #stream: { readonly stream: HboneStream; readonly tunnel: ClientTunnel; readonly reused: boolean } | null = null;
  #relay: StreamRelay | PlainRelay | null = null;
  #over = false;

  constructor(
    private readonly services: PodServices,
    accepted: Accepted,
  ) {
    this.#acceptedMs = this.#startedMs = accepted.acceptedMs;
    const original = originalDestination(accepted.fd);
    this.#source = formatSocketAddress(accepted.peer);
    this.#destination = formatSocketAddress(original);
    this.#client = services.transport.plain(accepted.fd, this);
    this.#pod.join(this);
    if (isLoopback(original.ip) && isOwnPort(original.port, services.limits)) {
      this.#fail({ reason: 'attempted recursive call to ourselves', flag: 'none' });
    } else {
      this.#askPlan();
    }
  }

  get #pod(): Pod {
    return this.services.pod;
  }

  #askPlan(): void {
    const { services } = this;
    const withdraw = this.#pod.plans.get(
      this.#destination,
      (requestId) =>
        services.post({
          type: 'outboundPlanNeeded',
          requestId,
          podUid: this.#pod.uid,
          source: this.#source,
          destination: this.#destination,
        }),
      (plan) => this.#planned(plan),
    );
    if (withdraw !== null) this.#withdraw = withdraw;
  }

  #planned(plan: OutboundPlan | null): void {
    if (this.#over) return;
    this.#withdraw = NOTHING;
    if (plan === null) {
      const reason = `no plan for ${this.#destination} after ${this.services.limits.answerTimeoutMs} ms`;
      this.#fail({ reason, flag: 'none' });
      return;
    }
    if (plan.kind === 'reject') {
      this.#rejectedId = plan.targetId;
      this.#fail({ reason: plan.reason, flag: plan.flag ?? 'none' }, plan.waypoint);
      return;
    }
    if (plan.kind === 'hold') {
      this.#hold(plan);
      return;
    }
    this.#plan = plan;
    this.#try();
  }

  /** Waits for a waypoint that is being started, and asks again whenever the answer may be another one. */
  #hold({ reason, targetId }: Extract<OutboundPlan, { kind: 'hold' }>): void {
    const { held, loop, limits } = this.services;
    this.#rejectedId = targetId;
    this.#target = null;
    const leave = held.enter(this.#pod.uid, () => {
      this.#withdraw = NOTHING;
      loop.cancel(this.#deadline);
      this.#deadline = null;
      this.#failed = null;
      this.#tries = 0;
      this.#startedMs = loop.nowMs;
      this.#askPlan();
    });
    if (leave === null) {
      this.#fail({ reason: `${reason}: ${limits.maxHeld} connections wait already`, flag: 'CONNECT' }, 'too_many_held');
      return;
    }
    this.#withdraw = leave;
    loop.cancel(this.#deadline);
    this.#deadline = loop.deadline(Math.max(1, this.#acceptedMs + limits.holdTimeoutMs - loop.nowMs), () => {
      this.#deadline = null;
      this.#fail(
        { reason: `${reason}: not started within ${limits.holdTimeoutMs} ms`, flag: 'CONNECT' },
        'start_timeout',
      );
    });
  }

  /** Goes for a target that was not tried yet. */
  #try(): void {
    this.#tries++;
    const target = drawTarget(this.#plan!, this.#failed, Math.random());
    if (target === null) {
      this.#fail(this.#failure ?? { reason: `no target for ${this.#destination}`, flag: 'none' });
      return;
    }
    this.#target = target;
    if (target.kind === 'hbone') this.#tryHbone(target.target);
    else this.#tryPlain(target.target);
  }

  #failedTarget(failure: TunnelFailure, sameAgain: boolean): void {
    if (this.#over) return;
    this.services.loop.cancel(this.#deadline);
    this.#deadline = null;
    this.#stream = null;
    this.#failure = failure;
    if (!sameAgain) (this.#failed ??= new Set()).add(targetKey(this.#target!));
    const late = this.#tries > 1 && this.services.loop.nowMs - this.#startedMs > RETRIES_END_MS;
    if (late || this.#tries >= MAX_TRIES) this.#fail(failure);
    else this.#askPlan();
  }

  /** How long the present target may be silent: a pod that is just gone answers nothing, while another one would. */
  get #patienceMs(): number {
    const others = this.#tries < MAX_TRIES && targetCount(this.#plan!) > (this.#failed?.size ?? 0) + 1;
    return others ? PATIENCE_MS : Infinity;
  }

  /** While it is waited for a tunnel or a connect, whose own deadlines are longer. */
  #beImpatient(): void {
    const patienceMs = this.#patienceMs;
    if (patienceMs !== Infinity) this.#giveUpAfter(patienceMs, `no connection to ${this.#target?.target.dial ?? ''}`);
  }

  #giveUpAfter(timeoutMs: number, what: string): void {
    this.services.loop.cancel(this.#deadline);
    this.#deadline = this.services.loop.deadline(timeoutMs, () => {
      this.#deadline = null;
      this.#withdraw();
      this.#withdraw = NOTHING;
      const waiting = this.#stream;
      this.#stream = null;
      waiting?.tunnel.tunnel?.http.reset(waiting.stream, Http2Code.CANCEL);
      this.#failedTarget({ reason: `${what} after ${timeoutMs} ms`, flag: 'CONNECT' }, false);
    });
  }

  // ---- HBONE

  #tryHbone(target: HboneTarget): void {
    const { sourceIdentity } = this.#plan as HbonePlan;
    const withdraw = this.services.pool.request(sourceIdentity, target, this);
    if (withdraw === null) return;
    this.#withdraw = withdraw;
    this.#beImpatient();
  }

  get authority(): string {
    return (this.#target?.target as HboneTarget).authority;
  }

  headers(): readonly (readonly [string, string])[] {
    const { baggage } = this.#plan as HbonePlan;
    const { forwardedHost } = this.#target!.target as HboneTarget;
    const host = forwardedHost === undefined ? '' : `;host=${forwardedHost}`;
    return [
      ...(baggage === '' ? [] : [['baggage', baggage] as const]),
      ['forwarded', `for="${this.#source}"${host}`],
      ['traceparent', (this.#traceParent ??= traceParent(this.#isTraced))],
    ];
  }

  get #isTraced(): boolean {
    const { traceRatio } = this.services.limits;
    return traceRatio !== null && Math.random() < traceRatio;
  }

  /** For who is told of this connection. */
  get #trace(): { readonly trace?: string } {
    const { limits } = this.services;
    const trace = this.#traceParent;
    return limits.traceRatio === null || trace === null || !isSampled(trace) ? {} : { trace };
  }

  onStream(stream: HboneStream, tunnel: ClientTunnel, reused: boolean): void {
    this.#withdraw = NOTHING;
    if (this.#over) {
      tunnel.tunnel?.http.reset(stream, Http2Code.CANCEL);
      return;
    }
    this.#stream = { stream, tunnel, reused };
    stream.user = this;
    const timeoutMs = Math.min(this.services.limits.responseTimeoutMs, this.#patienceMs);
    this.#giveUpAfter(timeoutMs, `no answer to CONNECT ${this.authority}`);
  }

  onNoStream(failure: TunnelFailure): void {
    this.#withdraw = NOTHING;
    this.#failedTarget(failure, false);
  }

  onResponse(response: HboneResponse): void {
    if (response.status !== 200) {
      this.#refused(response.status);
      return;
    }
    const { stream, tunnel } = this.#stream!;
    const { inner } = this.#target!.target as HboneTarget;
    if (inner !== undefined) this.#goInside(inner);
    else this.#relayStream({ stream, tunnel: tunnel.tunnel!, peerIdentity: tunnel.peerIdentity, peerBaggage: null });
  }

  /** The gateway let us through: now the same once more with whoever is behind it. */
  #goInside({ expectedIdentities, forwardedNetwork }: InnerTarget): void {
    const { stream, tunnel } = this.#stream!;
    this.#stream = null;
    const context = this.services.identities.peek((this.#plan as HbonePlan).sourceIdentity);
    if (context === null) {
      tunnel.tunnel?.http.reset(stream, Http2Code.CANCEL);
      this.#fail({ reason: 'the certificate was withdrawn', flag: 'TLS_FAILURE' });
      return;
    }
    const inner: InnerTunnel | null = InnerTunnel.open(this.services, {
      outer: { tunnel: tunnel.tunnel!, stream },
      context,
      expectedIdentities,
      authority: this.authority,
      headers: [...this.headers(), ['x-forwarded-network', forwardedNetwork]],
      onStream: (far) => {
        this.#withdraw = NOTHING;
        this.#relayStream(far, () => inner?.finish());
      },
      onFailed: (failure, retry) => {
        this.#withdraw = NOTHING;
        if (retry) this.#failedTarget(failure, false);
        else this.#fail(failure);
      },
    });
    if (inner !== null) this.#withdraw = () => inner.abort();
  }

  #relayStream({ stream, tunnel, peerIdentity, peerBaggage }: InnerStream, onEnded = NOTHING): void {
    this.services.loop.cancel(this.#deadline);
    this.#deadline = null;
    const record = this.#open('hbone', peerIdentity, peerBaggage);
    if (record === null) {
      onEnded();
      return;
    }
    this.#afterRelay = onEnded;
    this.#stream = null;
    const relay = new StreamRelay({
      loop: this.services.loop,
      socket: this.#client,
      tunnel,
      stream,
      record,
      downstream: 'socket',
      socketName: 'client',
      owner: this,
    });
    this.#relay = record.connection = relay;
    relay.start();
  }

  /**
   * A peer that cannot reach its application (503) may be an endpoint that is just going away, and it has not seen a byte:
   * another one is tried. A refusal by policy is an answer and is not asked for twice.
   */
  #refused(status: number): void {
    const reason = `http status: ${status}`;
    if (status !== 503) {
      this.#fail({ reason, flag: status === 401 ? 'DENY' : 'CONNECT' });
      return;
    }
    const { stream, tunnel } = this.#stream!;
    this.#stream = null;
    tunnel.tunnel?.http.reset(stream, Http2Code.CANCEL);
    this.#failedTarget({ reason, flag: 'CONNECT' }, false);
  }

  onReset(code: number): void {
    const stream = this.#stream;
    this.#stream = null;
    if (this.#over) return;
    const again = code === Http2Code.REFUSED_STREAM;
    const reason = `CONNECT ${this.authority}: stream reset: ${http2CodeName(code)}`;
    this.#failedTarget({ reason, flag: 'CONNECT' }, again && stream !== null);
  }

  onTunnelClosed(error: TunnelError): void {
    const reused = this.#stream?.reused === true;
    this.#stream = null;
    const target = this.#target?.target.dial ?? '';
    const flag: FailureFlag = error.flag ?? (error.stage === 'tls' ? 'TLS_FAILURE' : 'CONNECT');
    this.#failedTarget({ reason: `tunnel to ${target}: ${error.reason}`, flag }, reused);
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

  // ---- plaintext

  #tryPlain(target: PlainTarget): void {
    const address = parseSocketAddress(target.dial);
    if (address === null) {
      this.#fail({ reason: `bad address ${target.dial}`, flag: 'CONNECT' });
      return;
    }
    if (this.#isLoop(address)) {
      this.#fail({ reason: 'attempted recursive call to ourselves', flag: 'none' });
      return;
    }
    this.#beImpatient();
    this.#withdraw = this.#pod.dial(address, null, (outcome) => this.#plainDialled(target, outcome));
  }

  #isLoop({ ip, port }: SocketAddress): boolean {
    return isLoopback(ip) && isOwnPort(port, this.services.limits);
  }

  #plainDialled(target: PlainTarget, outcome: DialOutcome): void {
    this.#withdraw = NOTHING;
    if (outcome.kind !== 'connected') {
      const why = outcome.kind === 'failed' ? outcome.reason : 'timed out';
      this.#failedTarget({ reason: `connect to ${target.dial}: ${why}`, flag: 'CONNECT' }, false);
      return;
    }
    this.services.loop.cancel(this.#deadline);
    this.#deadline = null;
    const upstream = this.services.transport.plain(outcome.fd, this);
    const record = this.#open('plaintext', null);
    if (record === null) {
      upstream.close(true);
      return;
    }
    const relay = new PlainRelay({
      loop: this.services.loop,
      downstream: this.#client,
      upstream,
      buffer: this.services.plainBuffer,
      record,
      onEnded: () => this.#leave(),
    });
    this.#relay = record.connection = relay;
    relay.start();
  }

  // ---- the client, before bytes flow

  onReadable(): void {
    // Its first bytes may wait; that it is gone altogether ends the attempt.
    if (this.#client.gone) this.#fail({ reason: 'the client closed the connection', flag: 'none' });
  }

  onWritten(): void {
    // Nothing is written yet.
  }

  onFinished(): void {
    // Nothing is finished yet.
  }

  onBroken(): void {
    this.#fail({ reason: 'the client closed the connection', flag: 'none' });
  }

  onCrash(error: Error): void {
    this.#fail({ reason: `internal error: ${error.message}`, flag: 'none' });
  }

  onRelayEnded(): void {
    this.#leave();
    this.#afterRelay();
  }

  endWithPod(why: string): void {
    if (this.#relay !== null) this.#relay.terminate(why, 'none');
    else this.#fail({ reason: why, flag: 'none' });
  }

  // ---- ends

  #open(transport: 'hbone' | 'plaintext', peerIdentity: string | null, peerBaggage: string | null = null) {
    const target = this.#target!.target;
    const record = this.services.log.open(
      {
        podUid: this.#pod.uid,
        direction: 'outbound',
        transport,
        source: this.#source,
        destination: this.#destination,
        actualDestination: target.dial,
        targetId: target.targetId,
        peerIdentity,
        ...(peerBaggage === null ? {} : { peerBaggage }),
        ...this.#trace,
      },
      this.#acceptedMs,
    );
    if (record === null) this.#fail({ reason: 'too many connections in this worker', flag: 'none' });
    return record;
  }

  #fail({ reason, flag }: TunnelFailure, waypoint?: WaypointRefusal): void {
    if (this.#over) return;
    this.#over = true;
    this.#withdraw();
    this.services.loop.cancel(this.#deadline);
    const open = this.#stream;
    this.#stream = null;
    open?.tunnel.tunnel?.http.reset(open.stream, Http2Code.CANCEL);
    this.#client.close(true);
    const peerIdentity = open?.tunnel.peerIdentity ?? '';
    const targetId = this.#target?.target.targetId ?? this.#rejectedId;
    this.services.log.fail({
      podUid: this.#pod.uid,
      direction: 'outbound',
      source: this.#source,
      destination: this.#destination,
      peerIdentity: peerIdentity === '' ? null : peerIdentity,
      reason,
      flag,
      ...(targetId === undefined ? {} : { targetId }),
      ...(waypoint === undefined ? {} : { waypoint }),
      ...this.#trace,
    });
    this.#leave();
  }

  #leave(): void {
    this.#over = true;
    this.#pod.leave(this);
  }
}
