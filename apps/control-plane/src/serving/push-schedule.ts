import type { Clock } from '@weft/result';
import type { ControlPlaneConfig } from '../config.js';
import type { ControlPlaneMetrics } from '../control-plane-metrics.js';
import { Debouncer } from './debouncer.js';

export interface PushScheduleOptions {
  readonly clock: Clock;
  readonly metrics: ControlPlaneMetrics;
  /** Derives what is pending and queues it for every client. */
  readonly push: () => void;
}

/** Events that belong together arrive in one piece of a watch. */
const FIRST_MS = 2;

/** When changes are derived and sent, and how long that took. Nothing is before `begin`. */
export class PushSchedule {
  readonly #debouncer: Debouncer;

  constructor(
    { debounceQuietMs: quietMs, debounceMaxMs: maxMs }: Pick<ControlPlaneConfig, 'debounceQuietMs' | 'debounceMaxMs'>,
    private readonly options: PushScheduleOptions,
  ) {
    const run = (waitedMs: number): void => this.#push(waitedMs);
    this.#debouncer = new Debouncer({
      clock: options.clock,
      firstMs: Math.min(FIRST_MS, quietMs),
      quietMs,
      maxMs,
      run,
    });
  }

  /** Something is pending. */
  trigger(): void {
    this.#debouncer.trigger();
  }

  /** Pushes the first state, and from now on what is triggered. */
  begin(): void {
    this.#push(0);
    this.#debouncer.release();
  }

  stop(): void {
    this.#debouncer.stop();
  }

  #push(waitedMs: number): void {
    const { metrics, push } = this.options;
    const startedMs = performance.now();
    push();
    const tookMs = performance.now() - startedMs;
    metrics.debounceTime.observe(waitedMs / 1000);
    metrics.pushTime.observe(tookMs / 1000);
    metrics.convergenceTime.observe((waitedMs + tookMs) / 1000);
  }
}
