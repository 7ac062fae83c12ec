import type { Clock } from '@weft/result';

export interface DebouncerOptions {
  readonly clock: Clock;
  /** Runs when so much time has passed since the first addition, if nothing had run for the quiet time before it. */
  readonly firstMs: number;
  /** Else when nothing was added for so long, ... */
  readonly quietMs: number;
  /** ... or when the first addition is so old. */
  readonly maxMs: number;
  readonly run: (waitedMs: number) => void;
}

/**
 * Joins bursts of changes into one run: what comes alone is done almost at once, and what follows it waits for more. Never runs at
 * once from `trigger`, and not while it is held.
 */
export class Debouncer {
  #firstAt: number | null = null;
  #ranAt = -Infinity;
  #cancel: () => void = () => undefined;
  #held = true;

  constructor(private readonly options: DebouncerOptions) {}

  trigger(): void {
    const now = this.options.clock.now();
    this.#firstAt ??= now;
    if (!this.#held) this.#arm(now, this.#firstAt);
  }

  /** From now on triggers run; what came before runs soon. */
  release(): void {
    this.#held = false;
    if (this.#firstAt !== null) this.#arm(this.options.clock.now(), this.#firstAt);
  }

  stop(): void {
    this.#held = true;
    this.#cancel();
  }

  #arm(now: number, firstAt: number): void {
    const { clock, firstMs, quietMs, maxMs } = this.options;
    this.#cancel();
    const comesAlone = firstAt - this.#ranAt >= quietMs;
    const dueAt = comesAlone ? firstAt + firstMs : Math.min(now + quietMs, firstAt + maxMs);
    this.#cancel = clock.after(Math.max(0, dueAt - now), () => {
      this.#firstAt = null;
      this.options.run(clock.now() - firstAt);
      this.#ranAt = clock.now();
    });
  }
}
