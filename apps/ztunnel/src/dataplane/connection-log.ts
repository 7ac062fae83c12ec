import { CounterSlots } from './counter-slots.js';
import type { Loop } from './loop.js';
import type { ConnectionKey, ConnectionOpened, FailureFlag, FromWorker } from './messages.js';

/** A connection that may be ended from outside. */
export interface Terminable {
  terminate(why: string, flag: FailureFlag): void;
}

export type OpenedDetails = Omit<ConnectionOpened, 'type' | 'connectionId' | 'counterSlot'>;
export type FailedDetails = Omit<Extract<FromWorker, { type: 'connectionFailed' }>, 'type'>;

/** What a relay tells of its connection, which it knows by the counter slot. */
export type RelayLog = Pick<ConnectionLog, 'received' | 'sent' | 'close'>;

/**
 * Ids, counters and the opened, closed and failed messages: each connection is told of exactly once. What is known of open
 * ones is kept in columns by counter slot, of which memory is touched only as far as connections ever filled them.
 */
export class ConnectionLog {
  readonly #slots: CounterSlots;
  /** 0 for none. */
  readonly #ids: Float64Array;
  readonly #startedMs: Float64Array;
  readonly #podUids: (string | undefined)[] = [];
  readonly #connections: (Terminable | undefined)[] = [];
  #nextId: number;
  #openCount = 0;

  /**
   * @param ids first id and the distance to the next, so that workers never share one.
   */
  constructor(
    private readonly loop: Loop,
    private readonly counters: Float64Array,
    private readonly ids: { readonly first: number; readonly step: number },
    private readonly post: (message: FromWorker) => void,
  ) {
    this.#nextId = ids.first;
    const slots = counters.length >> 1;
    this.#slots = new CounterSlots(slots);
    this.#ids = new Float64Array(slots);
    this.#startedMs = new Float64Array(slots);
  }

  get openCount(): number {
    return this.#openCount;
  }

  /** The slot of the connection until it is closed; null when all are taken: then it must be refused. */
  open(details: OpenedDetails, startedMs: number): number | null {
    const slot = this.#slots.take(this.loop.nowMs);
    if (slot === null) return null;
    const connectionId = this.#nextId;
    this.#nextId += this.ids.step;
    this.#openCount++;
    this.counters[slot * 2] = 0;
    this.counters[slot * 2 + 1] = 0;
    this.#ids[slot] = connectionId;
    this.#startedMs[slot] = startedMs;
    this.#podUids[slot] = details.podUid;
    this.post({ ...details, type: 'connectionOpened', connectionId, counterSlot: slot });
    return slot;
  }

  /** What `terminate` ends. */
  attach(slot: number, connection: Terminable): void {
    this.#connections[slot] = connection;
  }

  /** Bytes from the downstream. */
  received(slot: number, bytes: number): void {
    this.counters[slot * 2]! += bytes;
  }

  /** Bytes to the downstream. */
  sent(slot: number, bytes: number): void {
    this.counters[slot * 2 + 1]! += bytes;
  }

  /** Only the first call counts, and the slot is another connection's some time later. `error` is absent after an ordinary end. */
  close(slot: number, why: string, flag: FailureFlag = 'none', error?: string): void {
    const connectionId = this.#ids[slot]!;
    if (connectionId === 0) return;
    this.#ids[slot] = 0;
    this.#podUids[slot] = this.#connections[slot] = undefined;
    this.#openCount--;
    this.#slots.giveBack(slot, this.loop.nowMs);
    this.post({
      type: 'connectionClosed',
      connectionId,
      counterSlot: slot,
      receivedBytes: this.counters[slot * 2]!,
      sentBytes: this.counters[slot * 2 + 1]!,
      durationMs: this.loop.nowMs - this.#startedMs[slot]!,
      flag,
      ...(error === undefined ? {} : { error }),
      why,
    });
  }

  fail(details: FailedDetails): void {
    this.post({ ...details, type: 'connectionFailed' });
  }

  terminate({ connectionId, counterSlot }: ConnectionKey, why: string, flag: FailureFlag): void {
    if (this.#ids[counterSlot] === connectionId) this.#connections[counterSlot]?.terminate(why, flag);
  }

  /** Of one pod, or all. */
  terminateAll(why: string, podUid?: string): void {
    const ended = this.#connections.filter((_, slot) => podUid === undefined || this.#podUids[slot] === podUid);
    for (const connection of ended) connection?.terminate(why, 'none');
  }
}
