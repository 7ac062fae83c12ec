import { Duplex } from 'node:stream';
import { MAX_PAYLOAD_BYTES, type SpdyHeaders } from './spdy-frame.js';

/** Input that may wait for its reader before the whole connection is read no further. */
const MAX_UNREAD_BYTES = 1024 * 1024;
const NOTHING = Buffer.alloc(0);

/** What a stream needs of its connection. */
export interface SpdyStreamLink {
  /** `sent` is called when more may come. */
  send(stream: SpdyStream, bytes: Buffer, fin: boolean, sent: () => void): void;
  /** The reader wants more. */
  wanted(stream: SpdyStream): void;
  /** `complete`: both sides had ended; else the other side must be told. */
  closed(stream: SpdyStream, complete: boolean): void;
}

/** One stream: what the other side sends is read, its end is `end`; `end()` ends this side only. `destroy()` resets it. */
export class SpdyStream extends Duplex {
  #remoteEnded = false;
  #localEnded = false;

  constructor(
    readonly id: number,
    readonly headers: SpdyHeaders,
    private readonly link: SpdyStreamLink,
  ) {
    super({ allowHalfOpen: true, readableHighWaterMark: MAX_UNREAD_BYTES });
    this.on('error', () => undefined);
  }

  /** For the connection. False: the reader is behind. */
  receive(bytes: Buffer, fin: boolean): boolean {
    if (this.destroyed || this.#remoteEnded) return true;
    const wantsMore = bytes.length === 0 || this.push(bytes);
    if (fin) this.endRemote();
    return wantsMore || fin;
  }

  /** For the connection: the other side sends no more. */
  endRemote(): void {
    if (this.#remoteEnded) return;
    this.#remoteEnded = true;
    this.push(null);
  }

  override _read(): void {
    this.link.wanted(this);
  }

  override _write(bytes: Buffer, _encoding: BufferEncoding, done: () => void): void {
    if (bytes.length <= MAX_PAYLOAD_BYTES) this.link.send(this, bytes, false, done);
    else {
      const rest = bytes.subarray(MAX_PAYLOAD_BYTES);
      this.link.send(this, bytes.subarray(0, MAX_PAYLOAD_BYTES), false, () => this._write(rest, _encoding, done));
    }
  }

  override _final(done: () => void): void {
    this.#localEnded = true;
    this.link.send(this, NOTHING, true, done);
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.link.closed(this, this.#remoteEnded && this.#localEnded);
    done(error);
  }
}
