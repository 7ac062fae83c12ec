import type { Clock } from '@weft/result';
import type { RouteTarget } from './plan-outbound.js';

/** How long a target that no worker may use any more is remembered for connections under way. */
const RETIREMENT_MS = 60_000;

/**
 * Remembers what a `targetId` stood for, so that telemetry of a connection names the workload and service that were chosen.
 * Targets of one pod are retired together when its plans are invalidated.
 */
export class TargetLedger {
  readonly #targets = new Map<number, RouteTarget>();
  readonly #idsByPod = new Map<string, number[]>();
  readonly #retired: { readonly atMs: number; readonly ids: readonly number[] }[] = [];
  #nextId = 1;

  constructor(private readonly clock: Clock) {}

  add(podUid: string, target: RouteTarget): number {
    const id = this.#nextId++;
    this.#targets.set(id, target);
    const ids = this.#idsByPod.get(podUid);
    if (ids === undefined) this.#idsByPod.set(podUid, [id]);
    else ids.push(id);
    return id;
  }

  get(id: number): RouteTarget | null {
    return this.#targets.get(id) ?? null;
  }

  get size(): number {
    return this.#targets.size;
  }

  retire(podUid: string): void {
    const now = this.clock.now();
    while (this.#retired[0] !== undefined && this.#retired[0].atMs + RETIREMENT_MS <= now) {
      for (const id of this.#retired.shift()!.ids) this.#targets.delete(id);
    }
    const ids = this.#idsByPod.get(podUid);
    if (ids === undefined) return;
    this.#idsByPod.delete(podUid);
    this.#retired.push({ atMs: now, ids });
  }
}
