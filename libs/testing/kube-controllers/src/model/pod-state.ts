import type { Pod } from '@weft/kube';

/** Counts for its controller: neither finished nor being deleted. */
export function isActive(pod: Pod): boolean {
  return (
    pod.metadata?.deletionTimestamp === undefined && pod.status?.phase !== 'Succeeded' && pod.status?.phase !== 'Failed'
  );
}

export function isReady(pod: Pod): boolean {
  return pod.status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True') === true;
}

/**
 * When the pod will have been ready for `minReadySeconds`, in ms of the clock; null if it is not ready. A date that has passed
 * means available.
 */
function availableAt(pod: Pod, minReadySeconds: number): number | null {
  const ready = pod.status?.conditions?.find(({ type, status }) => type === 'Ready' && status === 'True');
  if (ready === undefined) return null;
  return minReadySeconds === 0 ? 0 : Date.parse(ready.lastTransitionTime ?? '') + minReadySeconds * 1000;
}

export function isAvailable(pod: Pod, minReadySeconds: number, nowMs: number): boolean {
  const at = availableAt(pod, minReadySeconds);
  return at !== null && at <= nowMs;
}

/** Until the next ready pod becomes available; undefined if none is waiting. */
export function nextAvailabilityMs(pods: readonly Pod[], minReadySeconds: number, nowMs: number): number | undefined {
  const waits = pods
    .map((pod) => availableAt(pod, minReadySeconds))
    .filter((at): at is number => at !== null && at > nowMs);
  return waits.length === 0 ? undefined : Math.min(...waits) - nowMs + 1;
}

const restarts = (pod: Pod): number =>
  (pod.status?.containerStatuses ?? []).reduce((sum, { restartCount }) => sum + restartCount, 0);
const readySince = (pod: Pod): number =>
  Date.parse(pod.status?.conditions?.find(({ type }) => type === 'Ready')?.lastTransitionTime ?? '') || 0;
const deletionCost = (pod: Pod): number =>
  Number(pod.metadata?.annotations?.['controller.kubernetes.io/pod-deletion-cost'] ?? 0) || 0;
const phaseRank = (pod: Pod): number => ({ Pending: 0, Unknown: 1, Running: 2 })[pod.status?.phase ?? 'Pending'] ?? 1;

/**
 * Which pod to remove first, in the order of the ReplicaSet controller: unassigned, pending, not ready, cheaper by the
 * deletion-cost annotation, sharing its node with more siblings, ready for less long, restarted more often, newer.
 */
export function removalOrder(pods: readonly Pod[]): Pod[] {
  const perNode = new Map<string, number>();
  for (const { spec } of pods) perNode.set(spec?.nodeName ?? '', (perNode.get(spec?.nodeName ?? '') ?? 0) + 1);
  const ranks = (pod: Pod): number[] => [
    pod.spec?.nodeName ? 1 : 0,
    phaseRank(pod),
    isReady(pod) ? 1 : 0,
    deletionCost(pod),
    -(perNode.get(pod.spec?.nodeName ?? '') ?? 0),
    -readySince(pod),
    -restarts(pod),
    -Date.parse(pod.metadata?.creationTimestamp ?? ''),
  ];
  const ranked = pods.map((pod) => ({ pod, rank: ranks(pod) }));
  ranked.sort((a, b) => {
    const at = a.rank.findIndex((value, i) => value !== b.rank[i]);
    return at < 0 ? 0 : a.rank[at]! - b.rank[at]!;
  });
  return ranked.map(({ pod }) => pod);
}
