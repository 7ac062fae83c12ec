/** The numbers of one ReplicaSet that a rollout decides on. */
export interface ReplicaCounts {
  readonly name: string;
  /** spec.replicas */
  readonly wanted: number;
  /** status.replicas: pods that exist, also those that are wanted no more. */
  readonly existing: number;
  /** status.availableReplicas; may lag behind `wanted`. */
  readonly available: number;
}

export interface RolloutBounds {
  readonly replicas: number;
  readonly maxSurge: number;
  readonly maxUnavailable: number;
}

/** An IntOrString of a rollout strategy: percentages are of `total`. */
export function resolveBound(value: number | string | undefined, total: number, round: 'up' | 'down'): number {
  if (typeof value === 'number') return Math.max(0, value);
  const percent = /^(\d{1,3})%$/.exec(value ?? '25%');
  if (percent === null) return 0;
  const exact = (Number(percent[1]) * total) / 100;
  return round === 'up' ? Math.ceil(exact) : Math.floor(exact);
}

/** Both bounds at zero would forbid any step; then one may be unavailable. */
export function rolloutBounds(
  replicas: number,
  surge: number | string | undefined,
  unavailable: number | string | undefined,
): RolloutBounds {
  const maxSurge = resolveBound(surge, replicas, 'up');
  const maxUnavailable = resolveBound(unavailable, replicas, 'down');
  return {
    replicas,
    maxSurge,
    maxUnavailable: maxSurge === 0 && maxUnavailable === 0 ? 1 : Math.min(maxUnavailable, replicas),
  };
}

const sum = (numbers: readonly number[]): number => numbers.reduce((total, each) => total + each, 0);

/**
 * How many pods the new ReplicaSet may want now: never more in total than replicas + maxSurge. Pods of old sets count until
 * they are really gone, so that the bound holds for pods and not only for wishes.
 */
export function newReplicas(bounds: RolloutBounds, fresh: ReplicaCounts, old: readonly ReplicaCounts[]): number {
  const { replicas, maxSurge } = bounds;
  if (fresh.wanted >= replicas) return replicas;
  const room =
    replicas + maxSurge - (fresh.wanted + sum(old.map(({ wanted, existing }) => Math.max(wanted, existing))));
  return fresh.wanted + Math.max(0, Math.min(room, replicas - fresh.wanted));
}

/**
 * How many pods each old ReplicaSet should keep: unavailable ones go first, then available ones as far as at least
 * replicas - maxUnavailable stay available. `old` is ordered oldest first.
 */
export function oldReplicas(
  bounds: RolloutBounds,
  fresh: ReplicaCounts,
  old: readonly ReplicaCounts[],
): Map<string, number> {
  const minAvailable = bounds.replicas - bounds.maxUnavailable;
  const keep = new Map(old.map(({ name, wanted }) => [name, wanted]));
  // A status that was written before the last scale-down still counts the pods that are going; trust neither number alone.
  const availableOf = ({ available, wanted }: ReplicaCounts): number => Math.min(available, wanted);
  const total = fresh.wanted + sum(old.map(({ wanted }) => wanted));
  let mayRemove = total - minAvailable - (fresh.wanted - availableOf(fresh));
  const remove = (set: ReplicaCounts, count: number): number => {
    const removed = Math.max(0, Math.min(count, keep.get(set.name)!, mayRemove));
    keep.set(set.name, keep.get(set.name)! - removed);
    mayRemove -= removed;
    return removed;
  };
  for (const set of old) remove(set, set.wanted - availableOf(set));
  let spare = availableOf(fresh) + sum(old.map(availableOf)) - minAvailable;
  for (const set of old) if (spare > 0) spare -= remove(set, spare);
  return keep;
}

/**
 * Replicas of each ReplicaSet after the Deployment was scaled in the middle of a rollout: each keeps its share, and what
 * rounding leaves over goes to the largest. `sets` is ordered newest first.
 */
export function proportionalReplicas(bounds: RolloutBounds, sets: readonly ReplicaCounts[]): Map<string, number> {
  const before = sum(sets.map(({ wanted }) => wanted));
  const allowed = bounds.replicas === 0 ? 0 : bounds.replicas + bounds.maxSurge;
  const bySize = [...sets].sort((a, b) => b.wanted - a.wanted);
  const result = new Map(sets.map(({ name, wanted }) => [name, wanted]));
  if (before === 0 || allowed === before) return result;
  let left = allowed - before;
  for (const set of bySize) {
    const share = Math.round((set.wanted * allowed) / before) - set.wanted;
    const change = left > 0 ? Math.min(Math.max(share, 0), left) : Math.max(Math.min(share, 0), left);
    result.set(set.name, set.wanted + change);
    left -= change;
  }
  const largest = bySize[0];
  if (largest !== undefined) result.set(largest.name, Math.max(0, result.get(largest.name)! + left));
  return result;
}
