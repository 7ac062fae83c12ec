import type { TunnelFailure } from './client-tunnel.js';
import { drawTarget, targetCount, targetKey, type Drawn } from './draw-target.js';
import type { OutboundPlan } from './messages.js';

const MAX_TRIES = 8;
/** After this no third target is tried: the client had better know. */
const RETRIES_END_MS = 8_000;
/** Silence of a target after which another one is tried, if there is one. */
const PATIENCE_MS = 2_000;

/**
 * Which of a plan's targets one connection tries next, and when it stops trying. Each target at most once, from the plan of
 * that moment, since the one that failed may be gone from it by now.
 */
export class TargetTries {
  /** What was tried in vain; null until then. */
  #failed: Set<string> | null = null;
  #failure: TunnelFailure | null = null;
  #count = 0;

  /** `startedMs`: the accept, or the end of waiting for a waypoint. */
  constructor(private readonly startedMs: number) {}

  /** Why the last one failed; null until one did. */
  get failure(): TunnelFailure | null {
    return this.#failure;
  }

  /** One that was not tried yet, or null when there is none. `random` is in [0, 1). */
  next(plan: OutboundPlan, random: number): Drawn | null {
    this.#count++;
    return drawTarget(plan, this.#failed, random);
  }

  /** How long the present target may be silent: a pod that is just gone answers nothing, while another one would. */
  patienceMs(plan: OutboundPlan): number {
    const others = this.#count < MAX_TRIES && targetCount(plan) > (this.#failed?.size ?? 0) + 1;
    return others ? PATIENCE_MS : Infinity;
  }

  /** `sameAgain`: it says nothing about the target. Returns whether another try is worth the client's time. */
  failed(target: Drawn, failure: TunnelFailure, { sameAgain, nowMs }: { sameAgain: boolean; nowMs: number }): boolean {
    this.#failure = failure;
    if (!sameAgain) (this.#failed ??= new Set()).add(targetKey(target));
    const late = this.#count > 1 && nowMs - this.startedMs > RETRIES_END_MS;
    return !late && this.#count < MAX_TRIES;
  }
}
