import { setCondition, type Condition, type Pod } from '@weft/kube';
import type { ContainerState } from './container-supervisor.js';

export type PodStatus = NonNullable<Pod['status']>;
type ContainerStatus = NonNullable<PodStatus['containerStatuses']>[number];

export interface PodFacts {
  readonly pod: Pod;
  readonly hostIp: string;
  readonly podIps: readonly string[];
  /** RFC 3339, when the kubelet first saw the pod. */
  readonly startTime: string;
  readonly initStatuses: readonly ContainerStatus[];
  readonly statuses: readonly ContainerStatus[];
  /** Every init container that must end has ended well. */
  readonly initialized: boolean;
  /** Set when no container will run again: how the pod ended. */
  readonly ended: 'Succeeded' | 'Failed' | null;
  readonly now: string;
}

/** The status that a kubelet reports, from what it knows. Conditions of other writers are kept. */
export function podStatus(facts: PodFacts): PodStatus {
  const { podIps, statuses, initStatuses, startTime, hostIp } = facts;
  return {
    phase: phaseOf(facts),
    hostIP: hostIp,
    hostIPs: [{ ip: hostIp }],
    ...(podIps.length === 0 ? {} : { podIP: podIps[0]!, podIPs: podIps.map((ip) => ({ ip })) }),
    startTime,
    qosClass: facts.pod.status?.qosClass ?? 'BestEffort',
    conditions: [...conditionsOf(facts)],
    containerStatuses: [...statuses],
    ...(initStatuses.length === 0 ? {} : { initContainerStatuses: [...initStatuses] }),
  };
}

export function phaseOf({
  ended,
  initialized,
  statuses,
}: Pick<PodFacts, 'ended' | 'initialized' | 'statuses'>): string {
  if (ended !== null) return ended;
  const neverRan = (state: ContainerState | undefined, last: ContainerState | undefined): boolean =>
    state?.waiting !== undefined && last?.terminated === undefined;
  const waiting = statuses.some(({ state, lastState }) => neverRan(state, lastState));
  return initialized && !waiting ? 'Running' : 'Pending';
}

function conditionsOf(facts: PodFacts): readonly Condition[] {
  const { pod, podIps, statuses, initialized, ended, now } = facts;
  const notReady = statuses.filter(({ ready }) => !ready).map(({ name }) => name);
  const over = ended === null ? undefined : ended === 'Succeeded' ? 'PodCompleted' : 'PodFailed';
  const wait = (missing: readonly string[]): Partial<Condition> =>
    over !== undefined
      ? { reason: over }
      : { reason: 'ContainersNotReady', message: `containers with unready status: [${missing.join(' ')}]` };
  const gates = (pod.spec?.readinessGates ?? []).map(({ conditionType }) => conditionType);
  const current = (pod.status?.conditions ?? []) as Condition[];
  const closed = gates.filter((gate) => current.find(({ type }) => type === gate)?.status !== 'True');
  const containersReady = notReady.length === 0 && ended === null;
  const ready: Condition = !containersReady
    ? { type: 'Ready', status: 'False', ...wait(notReady) }
    : closed.length > 0
      ? {
          type: 'Ready',
          status: 'False',
          reason: 'ReadinessGatesNotReady',
          message: `corresponding condition of pod readiness gate "${closed[0]!}" does not exist or is not True.`,
        }
      : { type: 'Ready', status: 'True' };
  const wanted: Condition[] = [
    { type: 'PodReadyToStartContainers', status: podIps.length > 0 && ended === null ? 'True' : 'False' },
    {
      type: 'Initialized',
      status: initialized || over === 'PodCompleted' ? 'True' : 'False',
      ...(initialized ? {} : wait(['init containers'])),
    },
    ready,
    { type: 'ContainersReady', status: containersReady ? 'True' : 'False', ...(containersReady ? {} : wait(notReady)) },
    { type: 'PodScheduled', status: 'True' },
  ];
  return wanted.reduce<readonly Condition[]>(
    (conditions, condition) => setCondition(clearText(conditions, condition), condition, now),
    current,
  );
}

/** A reason of an earlier state does not stay behind when the new one has none. */
function clearText(conditions: readonly Condition[], wanted: Condition): readonly Condition[] {
  return conditions.map((condition) => {
    if (condition.type !== wanted.type || condition.status === wanted.status) return condition;
    return { type: condition.type, status: condition.status };
  });
}
