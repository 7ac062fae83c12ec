import { Http2Code } from '@weft/hbone';
import { formatSocketAddress, isLoopback } from '@weft/ip';
import { originalDestination } from './accepted-address.js';
import type { TunnelFailure } from './client-tunnel.js';
import type { Drawn } from './draw-target.js';
import { HboneAttempt, type HboneAttemptOwner } from './hbone-attempt.js';
import type { InnerStream } from './inner-tunnel.js';
import { isOwnPort } from './limits.js';
import type { Deadline } from './loop.js';
import type { OutboundPlan, WaypointRefusal } from './messages.js';
import { PlainAttempt, type PlainAttemptOwner } from './plain-attempt.js';
import { PlainRelay } from './plain-relay.js';
import type { PlainSocket, PlainSocketOwner } from './plain-socket.js';
import type { Pod, PodMember } from './pod.js';
import type { PodServices } from './pod-services.js';
import { StreamRelay } from './stream-relay.js';
import { TargetTries } from './target-tries.js';
import { isSampled, traceParent } from './trace-parent.js';
import type { Accepted } from './transport.js';

/** One with targets. */
type TriedPlan = Extract<OutboundPlan, { kind: 'hbone' | 'plain' }>;
type HbonePlan = Extract<OutboundPlan, { kind: 'hbone' }>;

/** One for all connections, of which there are many. */
const NOTHING = (): void => undefined;

/**
 * A captured connection of the pod's own: from the accept until bytes flow, or until it is known that they never will.
 * No byte of the client is read before the far side has answered 200 (or, in plaintext, is connected); that is why
 * other targets can be tried when one fails.
 */
export class OutboundConnection implements PodMember, PlainSocketOwner, HboneAttemptOwner, PlainAttemptOwner {
  readonly #client: PlainSocket;
  readonly #destination: string;
  readonly source: string;
  readonly #acceptedMs: number;
  #plan: TriedPlan | null = null;
  #target: Drawn | null = null;
  #rejectedId: number | undefined;
  #traceParent: string | null = null;
  #tries: TargetTries;
  #attempt: HboneAttempt | PlainAttempt | null = null;
  /** Takes back what is waited for before there is a target: the plan, or a waypoint. */
  #withdraw: () => void = NOTHING;
  #deadline: Deadline | null = null;
  #over = false;

  constructor(
    private readonly services: PodServices,
    accepted: Accepted,
  ) {
    this.#acceptedMs = accepted.acceptedMs;
    this.#tries = new TargetTries(accepted.acceptedMs);
    const original = originalDestination(accepted.fd);
    this.source = formatSocketAddress(accepted.peer);
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
          source: this.source,
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
      this.#tries = new TargetTries(loop.nowMs);
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
    const plan = this.#plan!;
    const tries = this.#tries;
    const target = tries.next(plan, Math.random());
    if (target === null) {
      this.#fail(tries.failure ?? { reason: `no target for ${this.#destination}`, flag: 'none' });
      return;
    }
    this.#target = target;
    const patienceMs = tries.patienceMs(plan);
    if (target.kind === 'hbone') {
      const { sourceIdentity, baggage } = plan as HbonePlan;
      const parts = { target: target.target, sourceIdentity, baggage, patienceMs, owner: this };
      const attempt = (this.#attempt = new HboneAttempt(this.services, parts));
      attempt.start();
    } else {
      const attempt = (this.#attempt = new PlainAttempt(this.services, target.target, this));
      attempt.start(patienceMs);
    }
  }

  onTargetFailed(failure: TunnelFailure, sameAgain: boolean): void {
    if (this.#over) return;
    this.#attempt = null;
    const { nowMs } = this.services.loop;
    if (this.#tries.failed(this.#target!, failure, { sameAgain, nowMs })) this.#askPlan();
    else this.#fail(failure);
  }

  onRefused(failure: TunnelFailure): void {
    this.#fail(failure);
  }

  get traceParent(): string {
    return (this.#traceParent ??= traceParent(this.#isTraced));
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

  // ---- the far side is there

  onStream({ stream, tunnel, peerIdentity, peerBaggage }: InnerStream, onEnded: (() => void) | null): void {
    this.#attempt = null;
    const { log, relaying } = this.services;
    const slot = this.#open('hbone', peerIdentity, peerBaggage);
    if (slot === null) {
      tunnel.http.reset(stream, Http2Code.CANCEL);
      onEnded?.();
      return;
    }
    const relay = new StreamRelay(relaying.outbound, { socket: this.#client, tunnel, stream, slot, onEnded });
    log.attach(slot, relay);
    relay.start();
  }

  onConnected(fd: number): void {
    this.#attempt = null;
    const upstream = this.services.transport.plain(fd, this);
    const slot = this.#open('plaintext', null);
    if (slot === null) {
      upstream.close(true);
      return;
    }
    const { loop, log, plainBuffer: buffer } = this.services;
    const relay = new PlainRelay({ loop, downstream: this.#client, upstream, buffer, log, slot });
    log.attach(slot, relay);
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

  endWithPod(why: string): void {
    this.#fail({ reason: why, flag: 'none' });
  }

  // ---- ends

  /** From now on the log knows it, and nothing else of it is needed but the relay: an idle connection is to be small. */
  #open(transport: 'hbone' | 'plaintext', peerIdentity: string | null, peerBaggage: string | null = null) {
    const target = this.#target!.target;
    const slot = this.services.log.open(
      {
        podUid: this.#pod.uid,
        direction: 'outbound',
        transport,
        source: this.source,
        destination: this.#destination,
        actualDestination: target.dial,
        targetId: target.targetId,
        peerIdentity,
        ...(peerBaggage === null ? {} : { peerBaggage }),
        ...this.#trace,
      },
      this.#acceptedMs,
    );
    if (slot === null) this.#fail({ reason: 'too many connections in this worker', flag: 'none' });
    else this.#leave();
    return slot;
  }

  #fail({ reason, flag }: TunnelFailure, waypoint?: WaypointRefusal): void {
    if (this.#over) return;
    this.#over = true;
    this.#withdraw();
    this.services.loop.cancel(this.#deadline);
    const attempt = this.#attempt;
    this.#attempt = null;
    const peerIdentity = attempt?.peerIdentity ?? '';
    attempt?.withdraw();
    this.#client.close(true);
    const targetId = this.#target?.target.targetId ?? this.#rejectedId;
    this.services.log.fail({
      podUid: this.#pod.uid,
      direction: 'outbound',
      source: this.source,
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
