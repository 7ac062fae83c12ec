export interface BackoffOptions {
  readonly initialMs: number;
  readonly maxMs: number;
  /** Growth from one delay to the next. Default 2. */
  readonly factor?: number;
  /** Fraction of the delay that is drawn at random, 0 to 1. Default 0.2. */
  readonly jitter?: number;
}

/** Exponential back-off with jitter. Pure but for `random`, which is handed in so that tests can fix it. */
export class Backoff {
  #nextMs: number;

  constructor(
    private readonly options: BackoffOptions,
    private readonly random: () => number = Math.random,
  ) {
    this.#nextMs = options.initialMs;
  }

  /** The delay to wait now, in milliseconds; the next one is longer, up to `maxMs`. */
  next(): number {
    const { factor = 2, jitter = 0.2, maxMs } = this.options;
    const delay = this.#nextMs;
    this.#nextMs = Math.min(maxMs, delay * factor);
    return Math.min(maxMs, delay * (1 + jitter * (this.random() * 2 - 1)));
  }

  reset(): void {
    this.#nextMs = this.options.initialMs;
  }
}
