import type net from 'node:net';
import { ECONNRESET, socketOptions, type Memory } from '@weft/linux';
import { READ_NOTHING, type PlainSocket, type PlainSocketOwner } from '../plain-socket.js';
import { resetWhenHeard } from '../reset-when-heard.js';
import type { NodeLoop } from './node-loop.js';

/** One plain TCP socket of Node's, read only when asked. */
export class NodePlainSocket implements PlainSocket {
  readonly #stopTicking: () => void;
  #readable = false;
  #ended = false;
  #errno = 0;
  #queuedBytes = 0;
  #finishing = false;
  #finished = false;
  #closed = false;

  /** Takes over a connected socket. */
  constructor(
    private readonly loop: NodeLoop,
    private readonly fd: number,
    private readonly socket: net.Socket,
    public owner: PlainSocketOwner,
  ) {
    socket.on('readable', () => this.#arrived());
    socket.once('end', () => {
      this.#ended = true;
      this.#arrived();
    });
    socket.on('error', (error) => this.#failed(error));
    this.#stopTicking = loop.everySecond(() => this.#tick());
  }

  get readable(): boolean {
    return this.#readable;
  }

  get gone(): boolean {
    return this.#errno !== 0;
  }

  get broken(): boolean {
    return this.#errno !== 0;
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
    // With nothing to take, this makes Node look for more, and notice the end.
    if (this.socket.readableLength === 0) this.socket.read(0);
    const waiting = Math.min(this.socket.readableLength, length);
    const chunk = waiting === 0 ? null : (this.socket.read(waiting) as Buffer | null);
    if (chunk !== null) {
      chunk.copy(into.bytes, offset);
      return chunk.length;
    }
    this.#readable = false;
    if (this.#errno !== 0) return -this.#errno;
    return this.#ended ? 0 : READ_NOTHING;
  }

  write(from: Memory, offset: number, length: number): number {
    if (this.#closed || this.#finishing) return -1;
    if (this.#errno !== 0) {
      this.owner.onBroken(this.#errno);
      return -1;
    }
    const idle = this.#queuedBytes === 0;
    let later = false;
    this.socket.write(Buffer.from(from.bytes.subarray(offset, offset + length)), (error) => {
      if (later && error == null) this.loop.dispatch(this.owner, () => this.#sent(length));
    });
    // The kernel took all of it at once, as it mostly does.
    if (idle && this.socket.writableLength === 0) return length;
    later = true;
    this.#queuedBytes += length;
    return 0;
  }

  finish(): void {
    if (this.#finishing || this.#closed) return;
    this.#finishing = true;
    if (this.#errno !== 0) {
      this.#finished = true;
      this.owner.onFinished();
      return;
    }
    this.socket.end(() => {
      this.loop.dispatch(this.owner, () => this.#finSent());
    });
  }

  close(reset: boolean): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#stopTicking();
    const { fd, socket } = this;
    const close = (): void => void socket.destroy();
    if (reset && !socket.destroyed) resetWhenHeard(this.loop, { fd, isOpen: () => !socket.destroyed, close });
    else close();
  }

  #arrived(): void {
    if (this.#closed) return;
    this.#readable = true;
    this.loop.dispatch(this.owner, () => this.owner.onReadable());
  }

  #sent(bytes: number): void {
    if (this.#closed) return;
    this.#queuedBytes -= bytes;
    this.owner.onWritten(bytes);
  }

  #finSent(): void {
    if (this.#closed || this.#finished) return;
    this.#finished = true;
    this.owner.onFinished();
  }

  #failed(error: Error): void {
    if (this.#closed || this.#errno !== 0) return;
    this.#errno = errnoOf(error);
    this.loop.dispatch(this.owner, () => {
      if (this.#queuedBytes > 0) {
        this.owner.onBroken(this.#errno);
        return;
      }
      if (this.#finishing) this.#finSent();
      this.#arrived();
    });
  }

  /** Node polls no socket that it neither reads nor writes, so a reset would go unseen there. */
  #tick(): void {
    const watched = !this.#ended && this.socket.readableLength < this.socket.readableHighWaterMark;
    if (watched || this.#closed || this.socket.destroyed) return;
    const errno = socketOptions.pendingError(this.fd);
    if (errno !== 0) this.socket.destroy(Object.assign(new Error('reset'), { errno: -errno }));
  }
}

function errnoOf({ errno }: NodeJS.ErrnoException): number {
  return errno !== undefined && errno < 0 ? -errno : ECONNRESET;
}
