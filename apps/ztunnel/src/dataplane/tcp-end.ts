import {
  EAGAIN,
  EPOLLERR,
  EPOLLET,
  EPOLLHUP,
  EPOLLIN,
  EPOLLOUT,
  EPOLLRDHUP,
  receive,
  shutdownWrite,
  transmit,
  Memory,
} from '@weft/linux';
import type { EventLoop, EventSource } from './event-loop.js';
import { resetWhenHeard } from './reset-when-heard.js';
import { READ_NOTHING, type PlainSocket, type PlainSocketOwner } from './plain-socket.js';

/** Edge-triggered, once for the life of the socket. */
export const PLAIN_SOCKET_EVENTS = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET;

/**
 * One plain TCP socket in the loop. It is edge-triggered and registered once: whether bytes wait is remembered here, so
 * back-pressure (not reading) costs no system call. What the kernel does not take at once is copied and sent later.
 */
export class TcpEnd implements PlainSocket, EventSource {
  /** Null as long as the kernel takes everything: most sockets never need it. */
  #queue: Memory[] | null = null;
  #queueOffset = 0;
  #queuedBytes = 0;
  #readable = false;
  #hungUp = false;
  #broken = false;
  #finishing = false;
  #finished = false;
  #closed = false;

  /** The end of the stream is somewhere behind what was read. */
  #ending = false;

  /** Takes over a connected socket. */
  constructor(
    private readonly loop: EventLoop,
    readonly fd: number,
    public owner: PlainSocketOwner,
  ) {
    loop.watch(fd, PLAIN_SOCKET_EVENTS, this);
  }

  get readable(): boolean {
    return this.#readable;
  }

  get gone(): boolean {
    return this.#hungUp;
  }

  get broken(): boolean {
    return this.#broken;
  }

  get queuedBytes(): number {
    return this.#queuedBytes;
  }

  get finished(): boolean {
    return this.#finished;
  }

  get closed(): boolean {
    return this.#closed;
  }

  read(into: Memory, offset: number, length: number): number {
    const got = receive(this.fd, into, offset, length);
    // A short read has emptied the socket, unless the end is what comes next.
    if (got === READ_NOTHING || got === 0 || (got > 0 && got < length && !this.#ending)) this.#readable = false;
    return got;
  }

  write(from: Memory, offset: number, length: number): number {
    if (this.#closed || this.#finishing) return -1;
    let sent = 0;
    if (this.#queuedBytes === 0) {
      sent = transmit(this.fd, from, offset, length);
      if (sent === length) return length;
      if (sent < 0 && sent !== -EAGAIN) {
        this.owner.onBroken(-sent);
        return -1;
      }
      if (sent < 0) sent = 0;
    }
    this.#queue ??= [];
    this.#queue.push(Memory.of(Buffer.from(from.bytes.subarray(offset + sent, offset + length))));
    this.#queuedBytes += length - sent;
    return sent;
  }

  finish(): void {
    if (this.#finishing || this.#closed) return;
    this.#finishing = true;
    if (this.#queuedBytes === 0) this.#sendFin();
  }

  close(reset: boolean): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#queue = null;
    if (reset && !this.#broken) {
      this.loop.silence(this.fd);
      resetWhenHeard(this.loop, { fd: this.fd, isOpen: () => true, close: () => this.loop.close(this.fd) });
    } else this.loop.close(this.fd);
  }

  onEvents(mask: number): void {
    if ((mask & EPOLLOUT) !== 0 && this.#queuedBytes > 0) {
      this.#drain();
    }
    if (this.#closed || (mask & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR)) === 0) return;
    this.#readable = true;
    if ((mask & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) !== 0) this.#ending = true;
    if ((mask & (EPOLLHUP | EPOLLERR)) !== 0) this.#hungUp = true;
    if ((mask & EPOLLERR) !== 0) this.#broken = true;
    this.owner.onReadable();
  }

  onCrash(error: Error): void {
    this.owner.onCrash(error);
  }

  #drain(): void {
    while (this.#queuedBytes > 0 && !this.#closed) {
      const next = this.#queue![0]!;
      const left = next.length - this.#queueOffset;
      const sent = transmit(this.fd, next, this.#queueOffset, left);
      if (sent === -EAGAIN) return;
      if (sent < 0) {
        this.owner.onBroken(-sent);
        return;
      }
      this.#queuedBytes -= sent;
      this.#queueOffset += sent;
      if (sent === left) {
        this.#queue!.shift();
        this.#queueOffset = 0;
      }
      this.owner.onWritten(sent);
    }
    if (this.#finishing && !this.#finished && !this.#closed) this.#sendFin();
  }

  #sendFin(): void {
    this.#finished = true;
    shutdownWrite(this.fd);
    this.owner.onFinished();
  }
}
