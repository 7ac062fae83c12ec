import { Latencies, type LatencyBuckets } from '../../latencies.js';
import type { ThreadStalls } from './thread-stalls.js';

/** What a window counts. */
export class Tally {
  #latencies = new Latencies();
  operations = 0;

  /** `stalls`: looks at other threads with each record; the tally does not close it. */
  constructor(readonly stalls: ThreadStalls | null = null) {}

  /** Begins a new window. */
  reset(): void {
    this.#latencies = new Latencies();
    this.operations = 0;
    this.stalls?.reset();
  }

  record(beganMs: number): void {
    this.operations++;
    this.#latencies.add((performance.now() - beganMs) * 1000);
    this.stalls?.look();
  }

  get buckets(): LatencyBuckets {
    return this.#latencies.buckets();
  }

  get p50Us(): number {
    return this.#latencies.quantile(0.5);
  }

  get maxUs(): number {
    return this.#latencies.quantile(1);
  }

  get p99Us(): number {
    return this.#latencies.quantile(0.99);
  }
}
