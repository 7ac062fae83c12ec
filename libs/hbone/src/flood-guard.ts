import { HBONE_LIMITS } from './limits.js';

/** A count that refills with time; time comes from the connection's tick. */
class Budget {
  #left: number;

  constructor(private readonly limit: { readonly burst: number; readonly perSecond: number }) {
    this.#left = limit.burst;
  }

  /** False when nothing is left. */
  take(): boolean {
    return --this.#left >= 0;
  }

  give(n: number): void {
    this.#left = Math.min(this.limit.burst, this.#left + n);
  }

  refill(seconds: number): void {
    this.give(seconds * this.limit.perSecond);
  }
}

/** Counts what a peer may do for free but not without end. Each method returns the rule that was passed, or null. */
export class FloodGuard {
  readonly #resets = new Budget(HBONE_LIMITS.resets);
  readonly #settings = new Budget(HBONE_LIMITS.settingsFrames);
  readonly #pings = new Budget(HBONE_LIMITS.pingFrames);
  readonly #goaways = new Budget(HBONE_LIMITS.goawayFrames);
  #streamsOpened = 0;
  #dataUnitsSent = 0;
  #windowUpdates = 0;
  #priorities = 0;
  #ignored = 0;
  #emptyInARow = 0;
  #lastTickMs = -1;

  /** Refills the budgets. */
  tick(nowMs: number): void {
    const seconds = this.#lastTickMs < 0 ? 0 : Math.max(0, (nowMs - this.#lastTickMs) / 1000);
    this.#lastTickMs = nowMs;
    for (const budget of [this.#resets, this.#settings, this.#pings, this.#goaways]) budget.refill(seconds);
  }

  streamOpened(): void {
    this.#streamsOpened++;
  }

  streamAnswered(): void {
    this.#resets.give(1);
  }

  dataSent(bytes: number): void {
    this.#dataUnitsSent += Math.ceil(bytes / HBONE_LIMITS.dataUnitBytes);
  }

  /** A stream was reset before it was answered, or had to be reset by us. */
  reset(): string | null {
    return this.#resets.take() ? null : 'too many streams end in a reset';
  }

  settings(): string | null {
    return this.#settings.take() ? null : 'too many SETTINGS frames';
  }

  ping(): string | null {
    return this.#pings.take() ? null : 'too many PING frames';
  }

  goaway(): string | null {
    return this.#goaways.take() ? null : 'too many GOAWAY frames';
  }

  windowUpdate(): string | null {
    const { windowUpdatesBase, windowUpdatesFactor, windowUpdatesPerDataUnit } = HBONE_LIMITS;
    const earned = this.#streamsOpened + windowUpdatesPerDataUnit * this.#dataUnitsSent;
    return ++this.#windowUpdates <= windowUpdatesBase + windowUpdatesFactor * earned
      ? null
      : 'too many WINDOW_UPDATE frames';
  }

  priority(): string | null {
    return ++this.#priorities <= this.#ignoredAllowed ? null : 'too many PRIORITY frames';
  }

  /** A frame without effect: of unknown type, or for a stream that is gone. */
  ignored(): string | null {
    return ++this.#ignored <= this.#ignoredAllowed ? null : 'too many frames without effect';
  }

  /** A HEADERS, CONTINUATION or DATA frame came; `empty` if it moves nothing forward. */
  content(empty: boolean): string | null {
    this.#emptyInARow = empty ? this.#emptyInARow + 1 : 0;
    return this.#emptyInARow <= HBONE_LIMITS.consecutiveEmptyFrames ? null : 'too many empty frames in a row';
  }

  /** PRIORITY frames and frames without effect so far. */
  get ignoredFrames(): number {
    return this.#priorities + this.#ignored;
  }

  get #ignoredAllowed(): number {
    return HBONE_LIMITS.ignoredFramesPerStream * (1 + this.#streamsOpened);
  }
}
