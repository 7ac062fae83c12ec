import type { Clock } from '@weft/result';
import type { RouteTarget } from './route-target.js';

/** How long a target that no worker may use any more is remembered for connections under way. */
const RETIREMENT_MS = 60_000;
/** Stands for every destination that the mesh does not know: there is nothing to remember about them. */
const UNKNOWN_TARGET = 0;

/**
 * Remembers what a `targetId` stood for, so that telemetry of a connection names the workload and service that were chosen.
 * Equal targets of a pod share one number; all of a pod are retired together when its plans are invalidated.
 */
export class TargetLedger {
  readonly #targets = new Map<number, RouteTarget>();
  readonly #idsByPod = new Map<string, Map<string, number>>();
  readonly #retired: { readonly atMs: number; readonly ids: Iterable<number> }[] = [];
  #nextId = 1;

  constructor(private readonly clock: Clock) {}

  add(podUid: string, target: RouteTarget): number {
    if (target.workload === null && target.service === null) return UNKNOWN_TARGET;
    let ids = this.#idsByPod.get(podUid);
    if (ids === undefined) this.#idsByPod.set(podUid, (ids = new Map<string, number>()));
    const key = [target.workload?.uid, target.service?.key, target.protocol, target.authority].join(' ');
    const known = ids.get(key);
    if (known !== undefined) return known;
    const id = this.#nextId++;
    this.#targets.set(id, target);
    ids.set(key, id);
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
    this.#retired.push({ atMs: now, ids: ids.values() });
  }
}
