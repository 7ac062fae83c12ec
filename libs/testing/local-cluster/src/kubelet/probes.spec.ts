import fc from 'fast-check';
import { FakeClock } from '@weft/testing-fixtures';
import { resolvePort } from './probe-runner.js';
import { ProbeState } from './probe-state.js';
import { runProbe } from './probe-worker.js';
import { RestartBackoff, restarts } from './restart-backoff.js';

describe('probe state', () => {
  it('changes after as many equal outcomes in a row as the threshold says', () => {
    const state = new ProbeState({ successThreshold: 1, failureThreshold: 3 });
    expect(state.record('success')).toBe(true);
    expect([state.record('failure'), state.record('failure'), state.verdict]).toEqual([false, false, 'success']);
    expect(state.record('success')).toBe(false);
    expect([1, 2, 3].map(() => state.record('failure'))).toEqual([false, false, true]);
    expect(state.verdict).toBe('failure');
  });

  it('agrees with a look at the last outcomes', () => {
    const outcomes = fc.array(fc.constantFrom('success' as const, 'failure' as const), { maxLength: 40 });
    fc.assert(
      fc.property(
        outcomes,
        fc.integer({ min: 1, max: 4 }),
        fc.integer({ min: 1, max: 4 }),
        (list, successThreshold, failureThreshold) => {
          const state = new ProbeState({ successThreshold, failureThreshold });
          let wanted: string | null = null;
          list.forEach((outcome, at) => {
            state.record(outcome);
            const needed = outcome === 'success' ? successThreshold : failureThreshold;
            const last = list.slice(Math.max(0, at + 1 - needed), at + 1);
            if (last.length === needed && last.every((one) => one === outcome)) wanted = outcome;
          });
          return state.verdict === wanted;
        },
      ),
    );
  });
});

describe('probe worker', () => {
  const setUp = (outcomes: (string | null)[], eager: boolean) => {
    const clock = new FakeClock();
    const begin = clock.now();
    const stop = new AbortController();
    const at: number[] = [];
    const verdicts: string[] = [];
    const failures: string[] = [];
    const done = runProbe(
      {
        probe: { initialDelaySeconds: 5, periodSeconds: 10, failureThreshold: 2 },
        eager,
        clock,
        run: () => {
          at.push((clock.now() - begin) / 1000);
          return Promise.resolve(outcomes.shift() ?? null);
        },
        onVerdict: (verdict) => verdicts.push(verdict),
        onFailure: (message) => failures.push(message),
      },
      stop.signal,
    );
    return { clock, stop, at, verdicts, failures, done };
  };

  it('waits the initial delay, then probes once per period', async () => {
    const { clock, stop, at, verdicts, done } = setUp([null, 'no', 'no'], false);
    await clock.advance(26_000);
    expect(at).toEqual([5, 15, 25]);
    expect(verdicts).toEqual(['success', 'failure']);
    stop.abort();
    await done;
    expect(clock.pendingTimers).toBe(0);
  });

  it('a readiness probe asks more often until the first success, and reports failures once per period', async () => {
    const { clock, stop, at, failures, done } = setUp(['no', 'no', 'no'], true);
    await clock.advance(20_000);
    expect(at).toEqual([5, 5.25, 5.5, 5.75, 15.75]);
    expect(failures).toEqual(['no']);
    stop.abort();
    await done;
  });
});

it.each([
  [80, 80],
  ['8080', 8080],
  ['http', 1234],
  ['nope', null],
])('the port %s is %s', (port, wanted) =>
  expect(resolvePort(port, { name: 'c', ports: [{ name: 'http', containerPort: 1234 }] })).toBe(wanted),
);

describe('restarts', () => {
  it('come at once, then after 10 s, doubling to 300 s, and at once again after ten good minutes', () => {
    const backoff = new RestartBackoff();
    expect(Array.from({ length: 8 }, () => backoff.next(1000) / 1000)).toEqual([0, 10, 20, 40, 80, 160, 300, 300]);
    expect(backoff.next(600_000)).toBe(0);
  });

  it.each([
    ['Always', 0, true],
    ['Always', 1, true],
    ['OnFailure', 0, false],
    ['OnFailure', 1, true],
    ['Never', 1, false],
  ])('policy %s with exit code %s: %s', (policy, code, wanted) => expect(restarts(policy, code)).toBe(wanted));
});
