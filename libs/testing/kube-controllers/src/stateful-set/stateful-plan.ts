import type { Pod } from '@weft/kube';
import { isAvailable } from '../model/pod-state.js';
import { REVISION_HASH } from '../model/revision-history.js';

export interface StatefulStrategy {
  readonly start: number;
  readonly replicas: number;
  /** Pods below this ordinal keep their revision. */
  readonly partition: number;
  readonly onDelete: boolean;
  /** All at once instead of one after another. */
  readonly parallel: boolean;
  readonly minReadySeconds: number;
  readonly currentRevision: string;
  readonly updateRevision: string;
}

export interface StatefulPlan {
  readonly create: readonly { readonly ordinal: number; readonly revision: string }[];
  readonly delete: readonly Pod[];
}

/** The number behind the last dash, if the name is the set's; null otherwise. */
export function ordinalOf(pod: Pod, setName: string): number | null {
  const name = pod.metadata?.name ?? '';
  const suffix = name.slice(setName.length + 1);
  return name.startsWith(`${setName}-`) && /^(0|[1-9]\d*)$/.test(suffix) ? Number(suffix) : null;
}

/**
 * The next step. Ordered: pods are made from the lowest ordinal up, each after its predecessor is available, removed and
 * updated from the highest down, one at a time. A name is free again only when its old pod is gone.
 */
export function planStateful(pods: ReadonlyMap<number, Pod>, strategy: StatefulStrategy, nowMs: number): StatefulPlan {
  const { start, replicas, parallel } = strategy;
  const plan = { create: [] as StatefulPlan['create'][number][], delete: [] as Pod[] };
  const healthy = (pod: Pod | undefined): boolean =>
    pod !== undefined &&
    pod.metadata?.deletionTimestamp === undefined &&
    isAvailable(pod, strategy.minReadySeconds, nowMs);
  let blocked = false;
  for (let ordinal = start; ordinal < start + replicas && (parallel || !blocked); ordinal++) {
    const pod = pods.get(ordinal);
    if (pod === undefined) plan.create.push({ ordinal, revision: revisionFor(ordinal, strategy) });
    else if (isFinished(pod) && pod.metadata?.deletionTimestamp === undefined) plan.delete.push(pod);
    blocked ||= !healthy(pod);
  }
  const surplus = [...pods]
    .filter(([ordinal]) => ordinal < start || ordinal >= start + replicas)
    .sort(([a], [b]) => b - a);
  if (surplus.length > 0) {
    const waiting = surplus.some(([, pod]) => pod.metadata?.deletionTimestamp !== undefined);
    if (parallel) plan.delete.push(...surplus.map(([, pod]) => pod));
    else if (!blocked && !waiting) plan.delete.push(surplus[0]![1]);
    return plan;
  }
  if (!strategy.onDelete && plan.create.length + plan.delete.length === 0)
    plan.delete.push(...nextUpdate(pods, strategy, healthy));
  return plan;
}

/** The highest pod of an old revision, once those above it are healthy. */
function nextUpdate(
  pods: ReadonlyMap<number, Pod>,
  strategy: StatefulStrategy,
  healthy: (pod: Pod | undefined) => boolean,
): Pod[] {
  for (
    let ordinal = strategy.start + strategy.replicas - 1;
    ordinal >= Math.max(strategy.start, strategy.partition);
    ordinal--
  ) {
    const pod = pods.get(ordinal);
    if (pod === undefined || pod.metadata?.deletionTimestamp !== undefined) return [];
    if (pod.metadata?.labels?.[REVISION_HASH] !== strategy.updateRevision) return [pod];
    if (!healthy(pod)) return [];
  }
  return [];
}

const revisionFor = (ordinal: number, { partition, currentRevision, updateRevision }: StatefulStrategy): string =>
  ordinal < partition ? currentRevision : updateRevision;

const isFinished = ({ status }: Pod): boolean => status?.phase === 'Failed' || status?.phase === 'Succeeded';
