import { BatchWriter } from './batch-codec.js';
import type { Loop } from './loop.js';
import type { FromWorker } from './messages.js';

/** What tells of connections may wait this long for company; whoever waits for an answer does not. */
const GATHER_MS = 50;
const MOST_GATHERED = 512;

const GATHERED: ReadonlySet<FromWorker['type']> = new Set(['connectionOpened', 'connectionClosed', 'connectionFailed']);

/** What a worker says, in order, in batches: each one wakes the main thread, which costs more than what it says. */
export class Outbox {
  readonly #batch = new BatchWriter();
  #dueMs = Infinity;

  constructor(
    private readonly loop: Loop,
    private readonly send: (batch: string) => void,
  ) {}

  add(message: FromWorker): void {
    this.#batch.add(message);
    if (!GATHERED.has(message.type)) this.#dueMs = -Infinity;
    else if (this.#dueMs === Infinity) this.#dueMs = this.loop.nowMs + GATHER_MS;
  }

  /** At the end of each turn. */
  turnEnd(): void {
    if (this.#batch.count === 0) return;
    if (this.#dueMs <= this.loop.nowMs || this.#batch.count >= MOST_GATHERED) this.flush();
    else this.loop.wakeBy(this.#dueMs);
  }

  flush(): void {
    if (this.#batch.count === 0) return;
    this.#dueMs = Infinity;
    this.send(this.#batch.take());
  }
}
