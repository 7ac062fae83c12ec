import type { Job, Pod } from '@weft/kube';
import { jobVerdict, retryDelayMs } from './job-verdict.js';

const NOW = Date.UTC(2026, 0, 1);
const job = (spec: object = {}, status: object = {}): Job => ({
  spec: { template: {}, completions: 2, backoffLimit: 1, ...spec },
  status,
});
const pod = (phase: string, finishedAt?: number): Pod => ({
  metadata: { creationTimestamp: new Date(NOW - 60_000).toISOString() },
  status: {
    phase,
    containerStatuses: [
      {
        name: 'main',
        image: '',
        imageID: '',
        ready: false,
        restartCount: 0,
        state:
          finishedAt === undefined
            ? {}
            : { terminated: { exitCode: 1, finishedAt: new Date(finishedAt).toISOString() } },
      },
    ],
  },
});

describe('jobVerdict', () => {
  it('is complete when enough pods succeeded, also when some of them were deleted since', () => {
    expect(jobVerdict(job(), [pod('Succeeded'), pod('Running')], NOW).outcome).toBe('running');
    expect(jobVerdict(job({}, { succeeded: 2 }), [], NOW)).toMatchObject({ outcome: 'complete', succeeded: 2 });
  });
  it('without completions, one success and no pod left is complete', () => {
    const queue = { completions: undefined };
    expect(jobVerdict(job(queue), [pod('Succeeded'), pod('Running')], NOW).outcome).toBe('running');
    expect(jobVerdict(job(queue), [pod('Succeeded')], NOW).outcome).toBe('complete');
  });
  it('fails when more pods failed than backoffLimit allows', () => {
    expect(jobVerdict(job(), [pod('Failed')], NOW).outcome).toBe('running');
    expect(jobVerdict(job(), [pod('Failed'), pod('Failed')], NOW)).toMatchObject({
      outcome: 'failed',
      reason: 'BackoffLimitExceeded',
    });
  });
  it('fails after its deadline and says how long until then', () => {
    const late = (agoMs: number) =>
      jobVerdict(job({ activeDeadlineSeconds: 10 }, { startTime: new Date(NOW - agoMs).toISOString() }), [], NOW);
    expect(late(4000)).toMatchObject({ outcome: 'running', deadlineMs: 6000 });
    expect(late(10_000)).toMatchObject({ outcome: 'failed', reason: 'DeadlineExceeded' });
  });
});

describe('retryDelayMs', () => {
  it('doubles from 10 s with each failure, counted from the last one', () => {
    expect(retryDelayMs([], 0, NOW)).toBe(0);
    expect(retryDelayMs([pod('Failed', NOW - 4000)], 1, NOW)).toBe(6000);
    expect(retryDelayMs([pod('Failed', NOW - 4000), pod('Failed', NOW)], 2, NOW)).toBe(20_000);
    expect(retryDelayMs([pod('Failed', NOW)], 20, NOW)).toBe(360_000);
  });
});
