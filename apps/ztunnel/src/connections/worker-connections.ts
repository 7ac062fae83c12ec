import type { ConnectionKind } from './connection-kind.js';

/** One connection, put together from the columns when somebody asks. */
export interface OpenConnection extends Pick<ConnectionKind, 'details' | 'traffic' | 'authority'> {
  readonly connectionId: number;
  readonly workerIndex: number;
  readonly counterSlot: number;
  /** The client's `ip:port`. */
  readonly source: string;
}

/**
 * The open connections of one worker, in columns by counter slot: of the tens of thousands that may be idle, an object each
 * would cost several times as much. Memory of a column is touched only as far as connections ever filled it.
 */
export class WorkerConnections {
  /** Empty slots have none. */
  readonly #kinds: (ConnectionKind | undefined)[] = [];
  readonly #ids: Float64Array;
  readonly #sourcePorts: Uint16Array;
  /** How far its bytes were counted; all zero in an empty slot. */
  readonly #received: Float64Array;
  readonly #sent: Float64Array;
  /** 1: told to close, not closed yet. */
  readonly #closing: Uint8Array;
  #size = 0;

  constructor(
    private readonly workerIndex: number,
    slots: number,
  ) {
    this.#ids = new Float64Array(slots);
    this.#sourcePorts = new Uint16Array(slots);
    this.#received = new Float64Array(slots);
    this.#sent = new Float64Array(slots);
    this.#closing = new Uint8Array(slots);
  }

  get size(): number {
    return this.#size;
  }

  add(slot: number, kind: ConnectionKind, { connectionId, source }: { connectionId: number; source: string }): void {
    if (slot >= this.#ids.length) throw new RangeError(`counter slot ${slot} of ${this.#ids.length}`);
    if (this.#kinds[slot] === undefined) this.#size++;
    this.#kinds[slot] = kind;
    this.#ids[slot] = connectionId;
    this.#sourcePorts[slot] = Number(source.slice(kind.sourceHost.length + 1));
  }

  has(slot: number, connectionId: number): boolean {
    return this.#kinds[slot] !== undefined && this.#ids[slot] === connectionId;
  }

  remove(slot: number): void {
    if (this.#kinds[slot] === undefined) return;
    this.#kinds[slot] = undefined;
    this.#received[slot] = this.#sent[slot] = 0;
    this.#closing[slot] = 0;
    this.#size--;
  }

  at(slot: number): OpenConnection | null {
    const kind = this.#kinds[slot];
    if (kind === undefined) return null;
    const { details, traffic, authority, sourceHost } = kind;
    return {
      connectionId: this.#ids[slot]!,
      workerIndex: this.workerIndex,
      counterSlot: slot,
      source: `${sourceHost}:${this.#sourcePorts[slot]}`,
      details,
      traffic,
      authority,
    };
  }

  /** Of every connection, in no order. */
  *all(): Iterable<OpenConnection> {
    for (let slot = 0; slot < this.#kinds.length; slot++) {
      const connection = this.at(slot);
      if (connection !== null) yield connection;
    }
  }

  isClosing(slot: number): boolean {
    return this.#closing[slot] === 1;
  }

  setClosing(slot: number): void {
    this.#closing[slot] = 1;
  }

  /** Adds what was transferred since the last time, from the cells that the worker writes. */
  countBytes(cells: Float64Array): void {
    this.#kinds.forEach((kind, slot) => {
      if (kind !== undefined) this.#count(kind, slot, cells[2 * slot] ?? 0, cells[2 * slot + 1] ?? 0);
    });
  }

  countLastBytes(slot: number, received: number, sent: number): void {
    const kind = this.#kinds[slot];
    if (kind !== undefined) this.#count(kind, slot, received, sent);
  }

  #count({ bytes }: ConnectionKind, slot: number, received: number, sent: number): void {
    if (received > this.#received[slot]!) {
      bytes.received(received - this.#received[slot]!);
      this.#received[slot] = received;
    }
    if (sent > this.#sent[slot]!) {
      bytes.sent(sent - this.#sent[slot]!);
      this.#sent[slot] = sent;
    }
  }
}
