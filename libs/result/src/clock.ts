/** Time as a port: pure code takes it, `systemClock` of @weft/runtime is the real one, tests step a fake. */
export interface Clock {
  /** Milliseconds since the epoch. */
  now(): number;
  /** Calls `run` once after `delayMs`; the returned function cancels it. */
  after(delayMs: number, run: () => void): () => void;
}
