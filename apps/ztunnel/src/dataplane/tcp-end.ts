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
  socketOptions,
  transmit,
  Memory,
} from '@weft/linux';
import type { EventLoop, EventSource } from './event-loop.js';

/** Who uses a `TcpEnd`. None of these is called after `close`. */
export interface TcpEndOwner {
  /** Bytes, the end of the stream or an error wait: call `read`. Comes once until `read` gave less than asked for. */
  onReadable(): void;
  /** The kernel took `bytes` that an earlier `write` had to keep. */
  onWritten(bytes: number): void;
  /** FIN is sent after everything written. */
  onFinished(): void;
  /** Writing failed; errno. */
  onBroken(errno: number): void;
  onCrash(error: Error): void;
}

/** `read` has nothing for now. */
export const READ_NOTHING = -EAGAIN;

/**
 * One plain TCP socket in the loop. It is edge-triggered and registered once: whether bytes wait is remembered here, so
 * back-pressure (not reading) costs no system call. What the kernel does not take at once is copied and sent later.
 */
export class TcpEnd implements EventSource {
  readonly #queue: Memory[] = [];
  #queueOffset = 0;
  #queuedBytes = 0;
  #readable = false;
  #hungUp = false;
  #finishing = false;
  #finished = false;
  #closed = false;

  /** The end of the stream is somewhere behind what was read. */
  #ending = false;

  /** Takes over a connected socket. */
  constructor(
    private readonly loop: EventLoop,
    readonly fd: number,
    public owner: TcpEndOwner,
  ) {
    loop.watch(fd, EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, this);
  }

  /** Whether `read` may give something. */
  get readable(): boolean {
    return this.#readable;
  }

  /** The peer closed both directions or reset the connection; what it sent before may still be read. */
  get gone(): boolean {
    return this.#hungUp;
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

  /** Bytes read, 0 at the end of the stream, READ_NOTHING, or another `-errno`. */
  read(into: Memory, offset: number, length: number): number {
    const got = receive(this.fd, into, offset, length);
    // A short read has emptied the socket, unless the end is what comes next.
    if (got === READ_NOTHING || got === 0 || (got > 0 && got < length && !this.#ending)) this.#readable = false;
    return got;
  }

  /** Sends, and copies what the kernel does not take. Returns how many bytes were taken at once, or -1 when it broke. */
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
    this.#queue.push(Memory.of(Buffer.from(from.bytes.subarray(offset + sent, offset + length))));
    this.#queuedBytes += length - sent;
    return sent;
  }

  /** Sends FIN after what is queued; then `onFinished`. */
  finish(): void {
    if (this.#finishing || this.#closed) return;
    this.#finishing = true;
    if (this.#queuedBytes === 0) this.#sendFin();
  }

  /** `reset`: the other side sees ECONNRESET instead of an orderly end. */
  close(reset: boolean): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#queue.length = 0;
    if (reset) socketOptions.setResetOnClose(this.fd);
    this.loop.close(this.fd);
  }

  onEvents(mask: number): void {
    if ((mask & EPOLLOUT) !== 0 && this.#queuedBytes > 0) {
      this.#drain();
    }
    if (this.#closed || (mask & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR)) === 0) return;
    this.#readable = true;
    if ((mask & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) !== 0) this.#ending = true;
    if ((mask & (EPOLLHUP | EPOLLERR)) !== 0) this.#hungUp = true;
    this.owner.onReadable();
  }

  onCrash(error: Error): void {
    this.owner.onCrash(error);
  }

  #drain(): void {
    while (this.#queuedBytes > 0 && !this.#closed) {
      const next = this.#queue[0]!;
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
        this.#queue.shift();
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
