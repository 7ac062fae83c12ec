import type { Pod } from '@weft/kube';
import { REVISION_HASH } from '../model/revision-history.js';
import { isActive, isAvailable } from '../model/pod-state.js';

export interface DaemonNode {
  readonly name: string;
  readonly run: boolean;
  readonly stay: boolean;
  /** Daemon pods of this set on the node, finished and terminating ones too. */
  readonly pods: readonly Pod[];
}

export interface DaemonPlan {
  readonly create: readonly string[];
  readonly delete: readonly Pod[];
}

export interface DaemonStrategy {
  /** Pods are replaced only after somebody deleted them. */
  readonly onDelete: boolean;
  readonly maxUnavailable: number;
  readonly maxSurge: number;
  readonly minReadySeconds: number;
  /** Label value of pods of the current template. */
  readonly hash: string;
}

/**
 * One pod on each node where the daemon belongs. Pods of an old template give way to new ones so that no more than
 * maxUnavailable nodes lack an available pod; with maxSurge, the new pod is available before the old one goes.
 */
export function planDaemons(nodes: readonly DaemonNode[], strategy: DaemonStrategy, nowMs: number): DaemonPlan {
  const create: string[] = [];
  const remove = new Set<Pod>();
  const isNew = (pod: Pod): boolean => pod.metadata?.labels?.[REVISION_HASH] === strategy.hash;
  const available = (pod: Pod): boolean => isAvailable(pod, strategy.minReadySeconds, nowMs);
  const wanted = nodes.filter(({ run, stay, pods }) => run || (stay && pods.some(isActive)));
  for (const { stay, pods } of nodes) if (!stay) pods.filter(isActive).forEach((pod) => remove.add(pod));
  for (const { pods } of nodes)
    pods
      .filter(({ status, metadata }) => status?.phase === 'Failed' && !metadata?.deletionTimestamp)
      .forEach((pod) => remove.add(pod));
  let unavailable = 0;
  let surging = 0;
  const replaceable: Pod[] = [];
  const surgeable: string[] = [];
  for (const { name, run, pods } of wanted) {
    const active = pods
      .filter(isActive)
      .sort((a, b) => Number(isNew(b)) - Number(isNew(a)) || Number(available(b)) - Number(available(a)));
    const [fresh, old] = [active.find(isNew), active.find((pod) => !isNew(pod))];
    if (!active.some(available)) unavailable++;
    if (active.length === 0) {
      // The old one must be gone first: two daemons would fight for ports and sockets of the node.
      if (run && !pods.some((pod) => pod.metadata?.deletionTimestamp !== undefined && pod.status?.phase !== 'Failed'))
        create.push(name);
    } else if (fresh !== undefined && old !== undefined) {
      surging++;
      if (available(fresh) || strategy.maxSurge === 0) remove.add(available(old) && !available(fresh) ? fresh : old);
    } else if (old !== undefined && !strategy.onDelete) {
      if (!available(old)) remove.add(old);
      else if (strategy.maxSurge > 0) surgeable.push(name);
      else replaceable.push(old);
    }
    const kept = [fresh, old];
    for (const extra of active) if (!kept.includes(extra)) remove.add(extra);
  }
  if (strategy.maxSurge > 0) create.push(...surgeable.slice(0, Math.max(0, strategy.maxSurge - surging)));
  else replaceable.slice(0, Math.max(0, strategy.maxUnavailable - unavailable)).forEach((pod) => remove.add(pod));
  return { create, delete: [...remove] };
}
