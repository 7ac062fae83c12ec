import { asString, dig, isObject, type JsonObject } from '../json.js';
import { labelSelectorText } from '../selector/label-selector.js';
import { AGE, count, joined, labelsText, NAME, NONE, numberAt, objectsAt, text, wide, type Column } from './column.js';
import { ageOf, humanDuration } from './human-duration.js';

const POD_SPEC = ['spec', 'template', 'spec'];
const CRON_POD_SPEC = ['spec', 'jobTemplate', 'spec', 'template', 'spec'];

const containerColumns = (podSpec: readonly string[]): readonly Column[] => [
  wide({
    name: 'Containers',
    cell: (object) =>
      objectsAt(object, ...podSpec, 'containers')
        .map((item) => asString(item['name']))
        .join(','),
  }),
  wide({
    name: 'Images',
    cell: (object) =>
      objectsAt(object, ...podSpec, 'containers')
        .map((item) => asString(item['image']))
        .join(','),
  }),
];

const selectorColumn = (path: readonly string[] = ['spec', 'selector']): Column =>
  wide({ name: 'Selector', cell: (object) => labelSelectorText(dig(object, ...path)) || NONE });

const ready = (total: readonly string[]): Column => ({
  name: 'Ready',
  cell: (object) => `${numberAt(object, 'status', 'readyReplicas')}/${numberAt(object, ...total)}`,
});

export const DEPLOYMENT_COLUMNS: readonly Column[] = [
  NAME,
  ready(['spec', 'replicas']),
  count('Up-to-date', ['status', 'updatedReplicas']),
  count('Available', ['status', 'availableReplicas']),
  AGE,
  ...containerColumns(POD_SPEC),
  selectorColumn(),
];

const replicaColumns: readonly Column[] = [
  NAME,
  count('Desired', ['spec', 'replicas']),
  count('Current', ['status', 'replicas']),
  count('Ready', ['status', 'readyReplicas']),
  AGE,
  ...containerColumns(POD_SPEC),
];

export const REPLICA_SET_COLUMNS: readonly Column[] = [...replicaColumns, selectorColumn()];

export const REPLICATION_CONTROLLER_COLUMNS: readonly Column[] = [
  ...replicaColumns,
  wide({ name: 'Selector', cell: (object) => labelsText(dig(object, 'spec', 'selector')) }),
];

export const DAEMON_SET_COLUMNS: readonly Column[] = [
  NAME,
  count('Desired', ['status', 'desiredNumberScheduled']),
  count('Current', ['status', 'currentNumberScheduled']),
  count('Ready', ['status', 'numberReady']),
  count('Up-to-date', ['status', 'updatedNumberScheduled']),
  count('Available', ['status', 'numberAvailable']),
  { name: 'Node Selector', cell: (object) => labelsText(dig(object, ...POD_SPEC, 'nodeSelector')) },
  AGE,
  ...containerColumns(POD_SPEC),
  selectorColumn(),
];

export const STATEFUL_SET_COLUMNS: readonly Column[] = [
  NAME,
  ready(['spec', 'replicas']),
  AGE,
  ...containerColumns(POD_SPEC),
];

function completions(job: JsonObject): string {
  const succeeded = numberAt(job, 'status', 'succeeded');
  const wanted = dig(job, 'spec', 'completions');
  if (typeof wanted === 'number') return `${succeeded}/${wanted}`;
  const parallelism = numberAt(job, 'spec', 'parallelism');
  return parallelism > 1 ? `${succeeded}/1 of ${parallelism}` : `${succeeded}/1`;
}

function jobStatus(job: JsonObject): string {
  const holds = (type: string) =>
    objectsAt(job, 'status', 'conditions').some((item) => item['type'] === type && item['status'] === 'True');
  if (holds('Complete')) return 'Complete';
  if (holds('Failed')) return 'Failed';
  if (dig(job, 'metadata', 'deletionTimestamp') !== undefined) return 'Terminating';
  if (holds('Suspended')) return 'Suspended';
  if (holds('FailureTarget')) return 'FailureTarget';
  return holds('SuccessCriteriaMet') ? 'SuccessCriteriaMet' : 'Running';
}

function duration(job: JsonObject, now: Date): string {
  const start = Date.parse(asString(dig(job, 'status', 'startTime')));
  if (Number.isNaN(start)) return '';
  const failed = objectsAt(job, 'status', 'conditions').find(
    (item) => item['type'] === 'Failed' && item['status'] === 'True',
  );
  const end = asString(dig(job, 'status', 'completionTime')) || asString(failed?.['lastTransitionTime']);
  return humanDuration((end === '' ? now.getTime() : Date.parse(end)) - start);
}

export const JOB_COLUMNS: readonly Column[] = [
  NAME,
  { name: 'Status', cell: jobStatus },
  { name: 'Completions', cell: completions },
  { name: 'Duration', cell: duration },
  AGE,
  ...containerColumns(POD_SPEC),
  selectorColumn(),
];

export const CRON_JOB_COLUMNS: readonly Column[] = [
  NAME,
  text('Schedule', ['spec', 'schedule']),
  text('Timezone', ['spec', 'timeZone']),
  { name: 'Suspend', cell: (object) => (dig(object, 'spec', 'suspend') === true ? 'True' : 'False') },
  { name: 'Active', type: 'integer', cell: (object) => objectsAt(object, 'status', 'active').length },
  {
    name: 'Last Schedule',
    cell: (object, now) =>
      dig(object, 'status', 'lastScheduleTime') === undefined
        ? NONE
        : ageOf(dig(object, 'status', 'lastScheduleTime'), now),
  },
  AGE,
  ...containerColumns(CRON_POD_SPEC),
  selectorColumn(['spec', 'jobTemplate', 'spec', 'selector']),
];

function intOrString(value: unknown): string {
  return typeof value === 'number' ? String(value) : asString(value);
}

export const DISRUPTION_BUDGET_COLUMNS: readonly Column[] = [
  NAME,
  { name: 'Min Available', cell: (object) => intOrString(dig(object, 'spec', 'minAvailable')) || 'N/A' },
  { name: 'Max Unavailable', cell: (object) => intOrString(dig(object, 'spec', 'maxUnavailable')) || 'N/A' },
  count('Allowed Disruptions', ['status', 'disruptionsAllowed']),
  AGE,
];

function metricTargets(object: JsonObject): string {
  const current = objectsAt(object, 'status', 'currentMetrics');
  const targets = objectsAt(object, 'spec', 'metrics').map((metric, i) => {
    const source =
      metric['type'] === 'ContainerResource' ? 'containerResource' : asString(metric['type']).toLowerCase();
    const target = dig(metric, source, 'target');
    const now = dig(current[i], source, 'current');
    const utilization = dig(target, 'averageUtilization');
    const name = asString(dig(metric, source, 'name')) || asString(dig(metric, source, 'metric', 'name'));
    if (typeof utilization === 'number') {
      const used = dig(now, 'averageUtilization');
      return `${name}: ${typeof used === 'number' ? `${used}%` : '<unknown>'}/${utilization}%`;
    }
    const value = (part: unknown) =>
      (isObject(part) ? intOrString(part['averageValue'] ?? part['value']) : '') || '<unknown>';
    return `${name}: ${value(now)}/${value(target)}`;
  });
  return joined(targets.slice(0, 2)) + (targets.length > 2 ? ` + ${targets.length - 2} more...` : '');
}

export const AUTOSCALER_COLUMNS: readonly Column[] = [
  NAME,
  {
    name: 'Reference',
    cell: (object) =>
      `${asString(dig(object, 'spec', 'scaleTargetRef', 'kind'))}/${asString(dig(object, 'spec', 'scaleTargetRef', 'name'))}`,
  },
  { name: 'Targets', cell: metricTargets },
  {
    name: 'MinPods',
    cell: (object) =>
      typeof dig(object, 'spec', 'minReplicas') === 'number'
        ? String(numberAt(object, 'spec', 'minReplicas'))
        : '<unset>',
  },
  count('MaxPods', ['spec', 'maxReplicas']),
  count('Replicas', ['status', 'currentReplicas']),
  AGE,
];
