import type { Loop } from './loop.js';

/** What is looked at of the thread. */
export interface ThreadUse {
  /** CPU time so far, in milliseconds. */
  cpuMs(): number;
  /** Of its JavaScript heap, garbage included. */
  heapBytes(): number;
}

const LOOK_MS = 250;
/** With less work than this part of the time nobody is kept waiting: 1,000 requests a second are more. */
const QUIET = 0.02;
/** More than the young generation, which is garbage at any time. */
const GROWN_BYTES = 2 << 20;

/**
 * Collects what opening connections left behind, once the thread has hardly anything to do. In other threads V8 does that by
 * itself, in tasks of Node's own loop, to which this one never returns; and as long as nobody allocates, nothing is collected
 * either: what many connections opened once would keep its garbage for as long as they stay idle.
 */
export class IdleCollector {
  #nextLookMs = 0;
  #lookedMs = 0;
  #cpuMs = 0;
  #heapBytes: number;

  constructor(
    private readonly loop: Pick<Loop, 'nowMs' | 'atTurnEnd'>,
    private readonly use: ThreadUse,
    private readonly collect: () => void,
  ) {
    this.#heapBytes = use.heapBytes();
    loop.atTurnEnd(() => {
      if (loop.nowMs >= this.#nextLookMs) this.#look();
    });
  }

  #look(): void {
    const { nowMs } = this.loop;
    const cpuMs = this.use.cpuMs();
    const quiet = cpuMs - this.#cpuMs < (nowMs - this.#lookedMs) * QUIET;
    if (quiet && this.use.heapBytes() - this.#heapBytes >= GROWN_BYTES) {
      this.collect();
      this.#heapBytes = this.use.heapBytes();
    }
    this.#cpuMs = cpuMs;
    this.#lookedMs = nowMs;
    this.#nextLookMs = nowMs + LOOK_MS;
  }
}
