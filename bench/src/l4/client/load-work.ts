import type { SocketAddress } from '@weft/ip';
import { EAGAIN, EPOLLERR, EPOLLHUP, EPOLLOUT, transmit } from '@weft/linux';
import { ExchangeSocket } from './exchange-socket.js';
import type { LoadOrder } from './load-order.js';
import { CHUNK_BYTES, payload } from './payload.js';
import type { ServerCounters } from './server-counters.js';
import type { LoadSocket, SocketLoop } from './socket-loop.js';
import type { Tally } from './tally.js';

/** A load that goes on by itself while the loop turns. */
export interface LoadWork {
  /** All its connections are in use, so that the warm-up may begin. */
  ready(): boolean;
  /** Called before each turn; milliseconds that the turn may wait at most. */
  beforeTurn(): number;
}

type OrderOf<Kind extends LoadOrder['kind']> = Extract<LoadOrder, { kind: Kind }>;

const NO_HURRY_MS = 100;

/** Streams that send as fast as they may. What counts is what the server received. */
export class BulkWork implements LoadWork {
  #openBefore: number;

  constructor(
    private readonly order: OrderOf<'bulk'>,
    loop: SocketLoop,
    address: SocketAddress,
    private readonly counters: ServerCounters,
  ) {
    this.#openBefore = counters.openConnections;
    for (let i = 0; i < order.connections; i++) new BulkSocket(loop, address);
  }

  ready(): boolean {
    const { openConnections } = this.counters;
    // Late ends of an earlier load.
    this.#openBefore = Math.min(this.#openBefore, openConnections);
    return openConnections - this.#openBefore >= this.order.connections && this.counters.sunkBytes > 0;
  }

  beforeTurn(): number {
    return NO_HURRY_MS;
  }
}

class BulkSocket implements LoadSocket {
  readonly #fd: number;

  constructor(
    private readonly loop: SocketLoop,
    address: SocketAddress,
  ) {
    this.#fd = loop.connect(address, this, EPOLLOUT);
    if (this.#fd < 0) loop.fail('connect', -this.#fd);
  }

  onEvents(mask: number): void {
    const sent = transmit(this.#fd, payload.sink(), 0, CHUNK_BYTES);
    if (sent === -EAGAIN || (sent >= 0 && (mask & (EPOLLERR | EPOLLHUP)) === 0)) return;
    this.loop.fail('send', sent < 0 ? -sent : undefined);
    this.loop.close(this.#fd);
  }
}

/** Each connection sends its next request when the answer is there. */
export class ExchangeWork implements LoadWork {
  readonly #sockets: readonly ExchangeSocket[];
  readonly #answered = new Set<ExchangeSocket>();

  constructor(order: OrderOf<'exchange'>, loop: SocketLoop, address: SocketAddress, tally: Tally) {
    const events = {
      onAnswer: (socket: ExchangeSocket) => {
        tally.record(socket.sentMs);
        this.#answered.add(socket);
        socket.request();
      },
      onFailure: () => undefined,
    };
    this.#sockets = Array.from(
      { length: order.connections },
      () => new ExchangeSocket(loop, address, order.bytes, events),
    );
  }

  ready(): boolean {
    return this.#answered.size === this.#sockets.length;
  }

  beforeTurn(): number {
    return NO_HURRY_MS;
  }
}

/**
 * Requests at a fixed rate over all connections in turn, whatever the answers do: a request whose connection is busy waits,
 * and its waiting is part of its latency. How late the load itself wakes up is not.
 */
export class PacedWork implements LoadWork {
  readonly #sockets: readonly ExchangeSocket[];
  readonly #waiting = new Map<ExchangeSocket, number[]>();
  readonly #begun = new Map<ExchangeSocket, number>();
  readonly #intervalMs: number;
  #nextMs = 0;
  #turn = 0;

  constructor(order: OrderOf<'paced'>, loop: SocketLoop, address: SocketAddress, tally: Tally) {
    this.#intervalMs = 1000 / order.perSecond;
    const events = {
      onAnswer: (socket: ExchangeSocket) => {
        tally.record(this.#begun.get(socket) ?? socket.sentMs);
        const next = this.#waiting.get(socket)?.shift();
        if (next !== undefined) this.#send(socket, next);
      },
      onFailure: () => undefined,
    };
    this.#sockets = Array.from(
      { length: order.connections },
      () => new ExchangeSocket(loop, address, order.bytes, events),
    );
    for (const socket of this.#sockets) this.#waiting.set(socket, []);
  }

  ready(): boolean {
    if (!this.#sockets.every((socket) => socket.idle || !socket.alive)) return false;
    this.#nextMs = performance.now();
    return true;
  }

  beforeTurn(): number {
    if (this.#nextMs === 0) return NO_HURRY_MS;
    const now = performance.now();
    while (this.#nextMs <= now) {
      const socket = this.#sockets[this.#turn++ % this.#sockets.length]!;
      this.#nextMs += this.#intervalMs;
      if (!socket.alive) continue;
      if (socket.idle) this.#send(socket, now);
      else this.#waiting.get(socket)!.push(now);
    }
    return this.#nextMs - now;
  }

  #send(socket: ExchangeSocket, beganMs: number): void {
    this.#begun.set(socket, beganMs);
    socket.request();
  }
}

export interface ConnectsOptions {
  readonly concurrency: number;
  readonly bytes: number;
  /** Where the next connection goes; null: no more. */
  readonly next: () => SocketAddress | null;
  /** Null: they are closed after their exchange. */
  readonly keep: ((socket: ExchangeSocket) => void) | null;
}

/** Connections one after the other, `concurrency` at a time; each exchanges once. Latency is from begin to answer. */
export class ConnectsWork implements LoadWork {
  #active = 0;
  #exhausted = false;

  constructor(
    private readonly options: ConnectsOptions,
    private readonly loop: SocketLoop,
    private readonly tally: Tally,
  ) {}

  get done(): boolean {
    return this.#exhausted && this.#active === 0;
  }

  stop(): void {
    this.#exhausted = true;
  }

  ready(): boolean {
    return true;
  }

  beforeTurn(): number {
    while (!this.#exhausted && this.#active < this.options.concurrency) {
      const address = this.options.next();
      if (address === null) this.#exhausted = true;
      else if (!this.#begin(address)) break;
    }
    return NO_HURRY_MS;
  }

  #begin(address: SocketAddress): boolean {
    const socket = new ExchangeSocket(this.loop, address, this.options.bytes, {
      onAnswer: (answered) => {
        this.#active--;
        this.tally.record(answered.beganMs);
        if (this.options.keep === null) answered.close();
        else this.options.keep(answered);
      },
      // A kept connection may fail later; it was counted as served already.
      onFailure: (failed) => {
        if (!failed.idle) this.#active--;
      },
    });
    if (socket.alive) this.#active++;
    return socket.alive;
  }
}
