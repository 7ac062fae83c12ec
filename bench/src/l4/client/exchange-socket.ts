import type { SocketAddress } from '@weft/ip';
import { EAGAIN, EPOLLERR, EPOLLET, EPOLLHUP, EPOLLIN, EPOLLOUT, receive, socketOptions, transmit } from '@weft/linux';
import { payload } from './payload.js';
import type { LoadSocket, SocketLoop } from './socket-loop.js';

export interface ExchangeEvents {
  /** The whole answer is here. */
  onAnswer(socket: ExchangeSocket): void;
  /** The socket is closed, and the loop was told why. */
  onFailure(socket: ExchangeSocket): void;
}

/** One request at a time over one connection; the first goes out when the connection is there. */
export class ExchangeSocket implements LoadSocket {
  readonly beganMs = performance.now();
  sentMs = 0;
  #fd: number;
  #connected = false;
  #missing = 0;

  constructor(
    private readonly loop: SocketLoop,
    address: SocketAddress,
    private readonly bytes: number,
    private readonly events: ExchangeEvents,
  ) {
    this.#fd = loop.connect(address, this, EPOLLIN | EPOLLOUT | EPOLLET);
    if (this.#fd < 0) loop.fail('connect', -this.#fd);
  }

  /** False once it failed or was closed. */
  get alive(): boolean {
    return this.#fd >= 0;
  }

  get idle(): boolean {
    return this.#connected && this.#missing === 0;
  }

  /** Call when idle. */
  request(): void {
    this.#missing = this.bytes;
    this.sentMs = performance.now();
    const sent = transmit(this.#fd, payload.echo(), 0, this.bytes);
    if (sent !== this.bytes) this.#fail('send', sent < 0 ? -sent : undefined);
  }

  close(reset = false): void {
    if (this.#fd >= 0) this.loop.close(this.#fd, reset);
    this.#fd = -1;
  }

  onEvents(mask: number): void {
    if (!this.#connected) {
      if ((mask & (EPOLLERR | EPOLLHUP)) !== 0) {
        this.#fail('connect', socketOptions.pendingError(this.#fd) || undefined);
        return;
      }
      this.#connected = true;
      this.request();
      if (!this.alive) return;
    }
    if ((mask & ~EPOLLOUT) !== 0) this.#receive();
  }

  #receive(): void {
    const received = receive(this.#fd, payload.input(), 0, this.bytes);
    if (received === -EAGAIN) return;
    if (received <= 0) {
      this.#fail(received === 0 ? 'the connection was closed' : 'receive', received === 0 ? undefined : -received);
      return;
    }
    this.#missing -= received;
    if (this.#missing === 0) this.events.onAnswer(this);
    else if (this.#missing < 0) this.#fail('more came back than was sent');
  }

  #fail(what: string, errno?: number): void {
    this.loop.fail(what, errno);
    this.close();
    this.events.onFailure(this);
  }
}
