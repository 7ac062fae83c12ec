import { setCondition, type Deployment, type ReplicaSet } from '@weft/kube';
import type { RolloutBounds } from './rollout.js';

type Status = NonNullable<Deployment['status']>;
type Condition = NonNullable<Status['conditions']>[number];

export interface Observed {
  readonly deployment: Deployment;
  readonly bounds: RolloutBounds;
  readonly fresh: ReplicaSet | undefined;
  readonly sets: readonly ReplicaSet[];
  readonly nowMs: number;
  /** Why the new ReplicaSet could not be made; null if it could. */
  readonly refused: Error | null;
  readonly paused: boolean;
}

const sum = (sets: readonly ReplicaSet[], field: 'replicas' | 'readyReplicas' | 'availableReplicas'): number =>
  sets.reduce((total, { status }) => total + (status?.[field] ?? 0), 0);

/** The whole status, from which `kubectl rollout status` and `kubectl wait` read. */
export function deploymentStatus(observed: Observed): Status {
  const { deployment, fresh, sets } = observed;
  const replicas = sum(sets, 'replicas');
  const availableReplicas = sum(sets, 'availableReplicas');
  const { generation } = deployment.metadata ?? {};
  const { collisionCount } = deployment.status ?? {};
  const counts = {
    ...(generation === undefined ? {} : { observedGeneration: generation }),
    replicas,
    updatedReplicas: fresh?.status?.replicas ?? 0,
    readyReplicas: sum(sets, 'readyReplicas'),
    availableReplicas,
    unavailableReplicas: Math.max(
      0,
      sets.reduce((total, { spec }) => total + (spec?.replicas ?? 0), 0) - availableReplicas,
    ),
    ...(collisionCount === undefined ? {} : { collisionCount }),
  };
  return { ...counts, conditions: conditions(observed, counts) };
}

/** All pods are of the current template, wanted in number, and available; no old pod is left. */
export function isComplete({ spec }: Deployment, status: Status): boolean {
  const wanted = spec?.replicas ?? 1;
  return status.updatedReplicas === wanted && status.replicas === wanted && status.availableReplicas === wanted;
}

/** Until the rollout counts as stuck; undefined if it cannot. */
export function progressDeadlineMs(deployment: Deployment, status: Status, nowMs: number): number | undefined {
  const progressing = status.conditions?.find(({ type }) => type === 'Progressing');
  const seconds = deployment.spec?.progressDeadlineSeconds;
  if (seconds === undefined || seconds >= 0x7fffffff || progressing?.lastUpdateTime === undefined) return undefined;
  if (isComplete(deployment, status) || progressing.reason === 'ProgressDeadlineExceeded' || deployment.spec?.paused)
    return undefined;
  return Math.max(1, Date.parse(progressing.lastUpdateTime) + seconds * 1000 - nowMs + 1);
}

function conditions(observed: Observed, counts: Status): Condition[] {
  const { deployment, bounds, nowMs } = observed;
  const now = new Date(nowMs).toISOString();
  const current = deployment.status?.conditions ?? [];
  const enough = (counts.availableReplicas ?? 0) >= bounds.replicas - bounds.maxUnavailable;
  const available: Condition = {
    type: 'Available',
    status: enough ? 'True' : 'False',
    reason: enough ? 'MinimumReplicasAvailable' : 'MinimumReplicasUnavailable',
    message: `Deployment ${enough ? 'has' : 'does not have'} minimum availability.`,
  };
  let result = withUpdateTime(current, available, now);
  const progressing = progress(observed, counts);
  if (progressing !== null) result = withUpdateTime(result, progressing, now);
  const failure = replicaFailure(observed);
  if (failure !== null) return [...withUpdateTime(result, failure, now)];
  return result.filter(({ type }) => type !== 'ReplicaFailure');
}

/** Null: leave the condition as it is. */
function progress(observed: Observed, counts: Status): Condition | null {
  const { deployment, fresh, nowMs, refused, paused } = observed;
  const old = deployment.status?.conditions?.find(({ type }) => type === 'Progressing');
  const what = fresh?.metadata?.name ?? deployment.metadata?.name ?? '';
  const be = (status: 'True' | 'False' | 'Unknown', reason: string, message: string): Condition => ({
    type: 'Progressing',
    status,
    reason,
    message,
  });
  if (paused)
    return old?.reason === 'ProgressDeadlineExceeded'
      ? null
      : be('Unknown', 'DeploymentPaused', 'Deployment is paused');
  if (refused !== null) return be('False', 'ReplicaSetCreateError', refused.message);
  if (fresh === undefined) return null;
  if (isComplete(deployment, counts)) {
    return be('True', 'NewReplicaSetAvailable', `ReplicaSet "${what}" has successfully progressed.`);
  }
  const moved = hasMoved(deployment.status, counts);
  if (old === undefined || old.reason === 'NewReplicaSetAvailable' || old.reason === 'DeploymentPaused' || moved) {
    return be('True', 'ReplicaSetUpdated', `ReplicaSet "${what}" is progressing.`);
  }
  const deadline = deployment.spec?.progressDeadlineSeconds ?? 600;
  if (nowMs - Date.parse(old.lastUpdateTime ?? '') > deadline * 1000) {
    return be('False', 'ProgressDeadlineExceeded', `ReplicaSet "${what}" has timed out progressing.`);
  }
  return null;
}

function hasMoved(old: Status | undefined, counts: Status): boolean {
  return (
    (counts.updatedReplicas ?? 0) > (old?.updatedReplicas ?? 0) ||
    (counts.readyReplicas ?? 0) > (old?.readyReplicas ?? 0) ||
    (counts.availableReplicas ?? 0) > (old?.availableReplicas ?? 0) ||
    (counts.replicas ?? 0) - (counts.updatedReplicas ?? 0) < (old?.replicas ?? 0) - (old?.updatedReplicas ?? 0)
  );
}

function replicaFailure({ sets, fresh, refused }: Observed): Condition | null {
  if (refused !== null)
    return { type: 'ReplicaFailure', status: 'True', reason: 'FailedCreate', message: refused.message };
  const failing = [fresh, ...sets]
    .flatMap((set) => set?.status?.conditions ?? [])
    .find(({ type }) => type === 'ReplicaFailure');
  return failing === undefined
    ? null
    : { type: 'ReplicaFailure', status: failing.status, reason: failing.reason ?? '', message: failing.message ?? '' };
}

/** Progress that repeats the same words still is progress: it moves lastUpdateTime, from which the deadline counts. */
function withUpdateTime(conditions: readonly Condition[], wanted: Condition, now: string): readonly Condition[] {
  const old = conditions.find(({ type }) => type === wanted.type);
  const same = old?.status === wanted.status && old.reason === wanted.reason && old.message === wanted.message;
  if (same && wanted.reason !== 'ReplicaSetUpdated') return conditions;
  if (same) return conditions.map((condition) => (condition === old ? { ...old, lastUpdateTime: now } : condition));
  return setCondition(conditions, { ...wanted, lastUpdateTime: now }, now);
}
