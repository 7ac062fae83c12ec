import type { Job, Pod } from '@weft/kube';

export type JobVerdict = { readonly succeeded: number; readonly failed: number; readonly deadlineMs?: number } & (
  | { readonly outcome: 'running' | 'complete' }
  | { readonly outcome: 'failed'; readonly reason: string; readonly message: string }
);

const FIRST_RETRY_MS = 10_000;
const MAX_RETRY_MS = 360_000;

/** When the Job ended, in ms; null while it runs. */
export function finishedAt({ status }: Job): number | null {
  const end = status?.conditions?.find(
    ({ type, status: value }) => (type === 'Complete' || type === 'Failed') && value === 'True',
  );
  return end === undefined ? null : Date.parse(end.lastTransitionTime ?? '') || 0;
}

/** How the Job stands. Numbers never go down: a finished pod that somebody deleted stays counted. */
export function jobVerdict(job: Job, pods: readonly Pod[], nowMs: number): JobVerdict {
  const { spec, status } = job;
  const phase = (wanted: string): number => pods.filter((pod) => pod.status?.phase === wanted).length;
  const succeeded = Math.max(status?.succeeded ?? 0, phase('Succeeded'));
  const failed = Math.max(status?.failed ?? 0, phase('Failed'));
  const counts = { succeeded, failed };
  const fail = (reason: string, message: string): JobVerdict => ({ ...counts, outcome: 'failed', reason, message });
  if (spec?.completionMode === 'Indexed')
    return fail('Unsupported', 'completionMode Indexed is not supported here; use NonIndexed');
  const running = pods.filter((pod) => pod.status?.phase !== 'Succeeded' && pod.status?.phase !== 'Failed').length;
  const needed = spec?.completions;
  if (needed === undefined ? succeeded > 0 && running === 0 : succeeded >= needed)
    return { ...counts, outcome: 'complete' };
  // Restarts inside a pod count too when the pod restarts its containers itself.
  const restarts = spec?.template.spec?.restartPolicy === 'OnFailure' ? totalRestarts(pods) : 0;
  if (failed + restarts > (spec?.backoffLimit ?? 6)) {
    return fail('BackoffLimitExceeded', 'Job has reached the specified backoff limit');
  }
  const seconds = spec?.activeDeadlineSeconds;
  if (seconds === undefined || status?.startTime === undefined || spec?.suspend)
    return { ...counts, outcome: 'running' };
  const deadlineMs = Date.parse(status.startTime) + seconds * 1000 - nowMs;
  if (deadlineMs <= 0) return fail('DeadlineExceeded', 'Job was active longer than specified deadline');
  return { ...counts, outcome: 'running', deadlineMs };
}

/** Failed pods are replaced after 10 s, 20 s, 40 s, ... from the last failure, at most 6 minutes. */
export function retryDelayMs(pods: readonly Pod[], failed: number, nowMs: number): number {
  if (failed === 0) return 0;
  const ends = pods.filter(({ status }) => status?.phase === 'Failed').map(endOf);
  const last = Math.max(0, ...ends);
  return Math.max(0, last + Math.min(FIRST_RETRY_MS * 2 ** (failed - 1), MAX_RETRY_MS) - nowMs);
}

function endOf(pod: Pod): number {
  const ends = (pod.status?.containerStatuses ?? []).map(({ state }) =>
    Date.parse(state?.terminated?.finishedAt ?? ''),
  );
  const end = Math.max(...ends.filter((time) => !Number.isNaN(time)));
  return Number.isFinite(end) ? end : Date.parse(pod.metadata?.creationTimestamp ?? '') || 0;
}

const totalRestarts = (pods: readonly Pod[]): number =>
  pods.reduce(
    (sum, pod) =>
      sum + (pod.status?.containerStatuses ?? []).reduce((each, { restartCount }) => each + restartCount, 0),
    0,
  );
