import { CounterSlots } from './counter-slots.js';
import type { Loop } from './loop.js';
import type { ConnectionOpened, FailureFlag, FromWorker } from './messages.js';

/** A connection that the main thread may end by its id. */
export interface Terminable {
  terminate(why: string, flag: FailureFlag): void;
}

export type OpenedDetails = Omit<ConnectionOpened, 'type' | 'connectionId' | 'counterSlot'>;
export type FailedDetails = Omit<Extract<FromWorker, { type: 'connectionFailed' }>, 'type'>;

/** One open connection: its id and its two byte counters. */
export class ConnectionRecord {
  /** What the main thread ends by the id; set by whoever opened the record. */
  connection: Terminable | null = null;
  #closed = false;

  constructor(
    private readonly log: ConnectionLog,
    readonly id: number,
    readonly slot: number,
    readonly startedMs: number,
  ) {}

  /** Bytes from the downstream. */
  received(bytes: number): void {
    this.log.counters[this.slot * 2]! += bytes;
  }

  /** Bytes to the downstream. */
  sent(bytes: number): void {
    this.log.counters[this.slot * 2 + 1]! += bytes;
  }

  /** Only the first call counts. `error` is absent after an ordinary end. */
  close(why: string, flag: FailureFlag = 'none', error?: string): void {
    if (this.#closed) return;
    this.#closed = true;
    this.log.closed(this, why, flag, error);
  }
}

/** Ids, counters and the opened, closed and failed messages: each connection is told of exactly once. */
export class ConnectionLog {
  readonly #live = new Map<number, ConnectionRecord>();
  readonly #slots: CounterSlots;
  #nextId: number;

  /**
   * @param ids first id and the distance to the next, so that workers never share one.
   */
  constructor(
    private readonly loop: Loop,
    readonly counters: Float64Array,
    private readonly ids: { readonly first: number; readonly step: number },
    private readonly post: (message: FromWorker) => void,
  ) {
    this.#nextId = ids.first;
    this.#slots = new CounterSlots(counters.length >> 1);
  }

  get openCount(): number {
    return this.#live.size;
  }

  /** Null when all counter slots are taken: the connection must be refused. */
  open(details: OpenedDetails, startedMs: number): ConnectionRecord | null {
    const slot = this.#slots.take(this.loop.nowMs);
    if (slot === null) return null;
    this.counters[slot * 2] = 0;
    this.counters[slot * 2 + 1] = 0;
    const record = new ConnectionRecord(this, this.#nextId, slot, startedMs);
    this.#nextId += this.ids.step;
    this.#live.set(record.id, record);
    this.post({ ...details, type: 'connectionOpened', connectionId: record.id, counterSlot: slot });
    return record;
  }

  fail(details: FailedDetails): void {
    this.post({ ...details, type: 'connectionFailed' });
  }

  /** For ConnectionRecord. */
  closed(record: ConnectionRecord, why: string, flag: FailureFlag, error: string | undefined): void {
    this.#live.delete(record.id);
    this.#slots.giveBack(record.slot, this.loop.nowMs);
    this.post({
      type: 'connectionClosed',
      connectionId: record.id,
      receivedBytes: this.counters[record.slot * 2]!,
      sentBytes: this.counters[record.slot * 2 + 1]!,
      durationMs: this.loop.nowMs - record.startedMs,
      flag,
      ...(error === undefined ? {} : { error }),
      why,
    });
  }

  terminate(connectionId: number, why: string, flag: FailureFlag): void {
    this.#live.get(connectionId)?.connection?.terminate(why, flag);
  }

  terminateAll(why: string): void {
    for (const { connection } of [...this.#live.values()]) connection?.terminate(why, 'none');
  }
}
