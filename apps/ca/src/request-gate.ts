import { err, ok, type Clock, type Result } from '@weft/result';

export interface RequestGateOptions {
  /** Requests worked on at once. */
  readonly concurrency: number;
  /** Requests that may wait; more are turned away at once. */
  readonly queueLength: number;
  /** A request that waited this long is turned away: its caller would give up soon. */
  readonly maxWaitMs: number;
  readonly clock: Clock;
  readonly random?: () => number;
}

/** Turned away: come back after about this time. */
export interface Busy {
  readonly retryAfterMs: number;
}

const SHORTEST_RETRY_MS = 200;
const LONGEST_RETRY_MS = 10_000;

/**
 * Lets a bounded number of requests in, in order of arrival. Under a burst callers are told when to come back instead of
 * running into their deadlines, and memory stays bounded.
 */
export class RequestGate {
  readonly #waiting = new Set<(busy: Busy | null) => void>();
  #running = 0;
  /** Moving average of how long a request takes. */
  #workMs = 10;

  constructor(private readonly options: RequestGateOptions) {}

  get waiting(): number {
    return this.#waiting.size;
  }

  async run<T>(work: () => Promise<T>): Promise<Result<T, Busy>> {
    const busy = await this.#enter();
    if (busy !== null) return err(busy);
    const startedAtMs = this.options.clock.now();
    try {
      return ok(await work());
    } finally {
      this.#workMs += (this.options.clock.now() - startedAtMs - this.#workMs) / 16;
      this.#running--;
      this.#letNextIn();
    }
  }

  #enter(): Promise<Busy | null> {
    const { concurrency, queueLength, maxWaitMs, clock } = this.options;
    if (this.#running < concurrency) {
      this.#running++;
      return Promise.resolve(null);
    }
    if (this.#waiting.size >= queueLength) return Promise.resolve(this.#busy());
    return new Promise((resolve) => {
      const settle = (busy: Busy | null): void => {
        cancel();
        this.#waiting.delete(settle);
        resolve(busy);
      };
      const cancel = clock.after(maxWaitMs, () => settle(this.#busy()));
      this.#waiting.add(settle);
    });
  }

  #letNextIn(): void {
    const [next] = this.#waiting;
    if (next === undefined) return;
    this.#running++;
    next(null);
  }

  /** When those who wait now will be through, spread so that the ones turned away do not come back together. */
  #busy(): Busy {
    const { concurrency, random = Math.random } = this.options;
    const drainMs = (this.#waiting.size / concurrency) * this.#workMs;
    const bounded = Math.min(LONGEST_RETRY_MS, Math.max(SHORTEST_RETRY_MS, drainMs));
    return { retryAfterMs: Math.round(bounded * (0.5 + random())) };
  }
}
