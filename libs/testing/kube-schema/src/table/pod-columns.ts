import { asString, dig, type JsonObject } from '../json.js';
import { AGE, NAME, NONE, numberAt, objectsAt, wide, type Column } from './column.js';
import { ageOf } from './human-duration.js';

/** What `kubectl get pods` says about the containers of a pod, taken together. */
interface PodSummary {
  readonly ready: number;
  readonly total: number;
  readonly reason: string;
  readonly restarts: number;
  readonly lastRestart: string;
}

interface Tally {
  ready: number;
  reason: string;
  restarts: number;
  lastRestart: string;
}

function countRestarts(tally: Tally, status: JsonObject): void {
  tally.restarts += numberAt(status, 'restartCount');
  const finished = asString(dig(status, 'lastState', 'terminated', 'finishedAt'));
  if (finished > tally.lastRestart) tally.lastRestart = finished;
}

function terminationText(terminated: unknown, prefix: string): string {
  const reason = asString(dig(terminated, 'reason'));
  if (reason !== '') return prefix + reason;
  const signal = dig(terminated, 'signal');
  return typeof signal === 'number' && signal !== 0
    ? `${prefix}Signal:${signal}`
    : `${prefix}ExitCode:${Number(dig(terminated, 'exitCode') ?? 0)}`;
}

function condition(pod: JsonObject, type: string): JsonObject | undefined {
  return objectsAt(pod, 'status', 'conditions').find((item) => item['type'] === type);
}

/** Goes through the init containers; true when the pod is still busy with them. */
function tallyInit(pod: JsonObject, tally: Tally, sidecars: Tally): boolean {
  const specs = objectsAt(pod, 'spec', 'initContainers');
  const restartable = new Set(specs.filter((item) => item['restartPolicy'] === 'Always').map((item) => item['name']));
  for (const [i, status] of objectsAt(pod, 'status', 'initContainerStatuses').entries()) {
    countRestarts(tally, status);
    const sidecar = restartable.has(status['name']);
    if (sidecar) countRestarts(sidecars, status);
    const terminated = dig(status, 'state', 'terminated');
    const waiting = asString(dig(status, 'state', 'waiting', 'reason'));
    if (terminated !== undefined && dig(terminated, 'exitCode') === 0) continue;
    if (sidecar && status['started'] === true) {
      if (status['ready'] === true) tally.ready++;
      continue;
    }
    if (terminated !== undefined) tally.reason = terminationText(terminated, 'Init:');
    else if (waiting !== '' && waiting !== 'PodInitializing') tally.reason = `Init:${waiting}`;
    else tally.reason = `Init:${i}/${specs.length}`;
    return true;
  }
  return false;
}

function tallyContainers(pod: JsonObject, tally: Tally): void {
  let running = false;
  for (const status of [...objectsAt(pod, 'status', 'containerStatuses')].reverse()) {
    countRestarts(tally, status);
    const waiting = asString(dig(status, 'state', 'waiting', 'reason'));
    const terminated = dig(status, 'state', 'terminated');
    if (waiting !== '') tally.reason = waiting;
    else if (terminated !== undefined) tally.reason = terminationText(terminated, '');
    else if (status['ready'] === true && dig(status, 'state', 'running') !== undefined) {
      running = true;
      tally.ready++;
    }
  }
  if (tally.reason === 'Completed' && running) {
    tally.reason = condition(pod, 'Ready')?.['status'] === 'True' ? 'Running' : 'NotReady';
  }
}

function summarize(pod: JsonObject): PodSummary {
  const phase = asString(dig(pod, 'status', 'phase'));
  const statusReason = asString(dig(pod, 'status', 'reason'));
  const sidecarSpecs = objectsAt(pod, 'spec', 'initContainers').filter((item) => item['restartPolicy'] === 'Always');
  const total = objectsAt(pod, 'spec', 'containers').length + sidecarSpecs.length;
  const tally: Tally = { ready: 0, reason: statusReason || phase, restarts: 0, lastRestart: '' };
  const sidecars: Tally = { ready: 0, reason: '', restarts: 0, lastRestart: '' };
  const scheduled = condition(pod, 'PodScheduled');
  if (scheduled?.['reason'] === 'SchedulingGated') tally.reason = 'SchedulingGated';
  const initializing = tallyInit(pod, tally, sidecars);
  if (!initializing || condition(pod, 'Initialized')?.['status'] === 'True') {
    tally.restarts = sidecars.restarts;
    tally.lastRestart = sidecars.lastRestart;
    tallyContainers(pod, tally);
  }
  const deleted = dig(pod, 'metadata', 'deletionTimestamp') !== undefined;
  if (deleted && statusReason === 'NodeLost') tally.reason = 'Unknown';
  else if (deleted && phase !== 'Succeeded' && phase !== 'Failed') tally.reason = 'Terminating';
  return { ...tally, total };
}

function restartsText(pod: JsonObject, now: Date): string {
  const { restarts, lastRestart } = summarize(pod);
  return restarts !== 0 && lastRestart !== '' ? `${restarts} (${ageOf(lastRestart, now)} ago)` : String(restarts);
}

function readinessGates(pod: JsonObject): string {
  const gates = objectsAt(pod, 'spec', 'readinessGates');
  if (gates.length === 0) return NONE;
  const open = gates.filter((gate) => condition(pod, asString(gate['conditionType']))?.['status'] === 'True').length;
  return `${open}/${gates.length}`;
}

export const POD_COLUMNS: readonly Column[] = [
  NAME,
  { name: 'Ready', cell: (pod) => `${summarize(pod).ready}/${summarize(pod).total}` },
  { name: 'Status', cell: (pod) => summarize(pod).reason },
  { name: 'Restarts', cell: restartsText },
  AGE,
  wide({
    name: 'IP',
    cell: (pod) =>
      asString(objectsAt(pod, 'status', 'podIPs')[0]?.['ip']) || asString(dig(pod, 'status', 'podIP')) || NONE,
  }),
  wide({ name: 'Node', cell: (pod) => asString(dig(pod, 'spec', 'nodeName')) || NONE }),
  wide({ name: 'Nominated Node', cell: (pod) => asString(dig(pod, 'status', 'nominatedNodeName')) || NONE }),
  wide({ name: 'Readiness Gates', cell: readinessGates }),
];
