import type { Clock } from '@weft/result';
import { pause } from '../process/wait.js';
import type { Probe, ProbeOutcome } from './probe-runner.js';
import { ProbeState, type ProbeVerdict } from './probe-state.js';

export interface ProbeWorkerOptions {
  readonly probe: Probe;
  /** Asks more often than the period until the first success: for readiness, where a failure does no harm. */
  readonly eager: boolean;
  readonly clock: Clock;
  readonly run: () => Promise<ProbeOutcome>;
  readonly onVerdict: (verdict: ProbeVerdict) => void;
  /** A failure, for an event; at most once per period. */
  readonly onFailure: (message: string) => void;
}

const EAGER_PERIOD_MS = 250;

/** Runs one probe of one running container until `signal` aborts. Never rejects. */
export async function runProbe(options: ProbeWorkerOptions, signal: AbortSignal): Promise<void> {
  const { probe, clock, run, onVerdict, onFailure } = options;
  const state = new ProbeState({
    successThreshold: probe.successThreshold ?? 1,
    failureThreshold: probe.failureThreshold ?? 3,
  });
  const periodMs = (probe.periodSeconds ?? 10) * 1000;
  if (!(await pause(clock, (probe.initialDelaySeconds ?? 0) * 1000, signal))) return;
  let reportedAtMs = -Infinity;
  for (;;) {
    const outcome = await run();
    if (signal.aborted) return;
    if (outcome !== null && clock.now() - reportedAtMs >= periodMs) {
      reportedAtMs = clock.now();
      onFailure(outcome);
    }
    if (state.record(outcome === null ? 'success' : 'failure')) onVerdict(state.verdict!);
    const soon = options.eager && state.verdict !== 'success' && outcome !== null;
    if (!(await pause(clock, soon ? Math.min(periodMs, EAGER_PERIOD_MS) : periodMs, signal))) return;
  }
}
