import type { Duplex } from 'node:stream';
import { FrameDecoder } from './frame-decoder.js';
import { encodeDataHeader, FrameEncoder } from './frame-encoder.js';
import { GOAWAY_STATUS, RST_STATUS, type SpdyFrame, type SpdyHeaders } from './spdy-frame.js';
import { SpdyStream, type SpdyStreamLink } from './spdy-stream.js';

/** A peer that vanished without a word is noticed by what is sent to it. */
const PING_MS = 5_000;
/** A peer that has got everything hangs up by itself; it is given this long. */
const HANG_UP_MS = 5_000;
const LINGER_MS = 60_000;
const MAX_STREAMS = 1_000;
const NO_HEADERS: SpdyHeaders = new Map();

export interface SpdySessionOptions {
  readonly transport: Duplex;
  /** Bytes that came together with the upgrade. */
  readonly head?: Buffer;
  /** Says what is done with a stream of these headers; null refuses it. */
  readonly accept: (headers: SpdyHeaders) => ((stream: SpdyStream) => void) | null;
  /** The connection is over and all of its streams are destroyed. Called once. */
  readonly onClose: () => void;
}

/**
 * The server's side of a SPDY/3.1 connection whose streams are all opened by the client. Owns the transport.
 *
 * Differs from the draft: there are no windows. Kubernetes' clients neither keep to them nor open them (a server that waited
 * for WINDOW_UPDATE would wait forever), so TCP alone holds a sender back, for all streams of the connection together.
 */
export class SpdySession implements SpdyStreamLink {
  readonly #transport: Duplex;
  readonly #decoder = new FrameDecoder();
  readonly #encoder = new FrameEncoder();
  readonly #streams = new Map<number, SpdyStream>();
  /** Streams whose readers are behind; while there is one, nothing is read. */
  readonly #behind = new Set<SpdyStream>();
  #waiting: (() => void)[] = [];
  #lastStreamId = 0;
  #pingId = 0;
  #leaving = false;
  /** The client opens no more streams, and ends when it has what it wants. */
  #clientLeaves = false;
  #closed = false;
  #timer: NodeJS.Timeout;

  constructor(private readonly options: SpdySessionOptions) {
    const { transport, head } = options;
    this.#transport = transport;
    this.#timer = setInterval(() => this.#ping(), PING_MS).unref();
    transport.on('error', () => transport.destroy());
    transport.on('end', () => transport.destroy());
    transport.on('close', () => this.#close());
    transport.on('drain', () => this.#drained());
    transport.on('data', (bytes: Buffer) => this.#receive(bytes));
    if (transport.destroyed) this.#close();
    else if (head !== undefined && head.length > 0) this.#receive(head);
  }

  /** All is said: the client hangs up, or after a while this side does. */
  end(): void {
    if (this.#closed || this.#leaving) return;
    this.#leaving = true;
    this.#later(HANG_UP_MS, () => this.#hangUp());
  }

  destroy(): void {
    this.#transport.destroy();
    this.#close();
  }

  send(stream: SpdyStream, bytes: Buffer, fin: boolean, sent: () => void): void {
    const free = this.#write(encodeDataHeader(stream.id, bytes.length, fin), bytes);
    if (free) sent();
    else this.#waiting.push(sent);
  }

  wanted(stream: SpdyStream): void {
    if (this.#behind.delete(stream) && this.#behind.size === 0) this.#transport.resume();
  }

  closed(stream: SpdyStream, complete: boolean): void {
    const known = this.#streams.delete(stream.id);
    this.wanted(stream);
    if (known && !complete) this.#reset(stream.id, RST_STATUS.cancel);
  }

  #receive(bytes: Buffer): void {
    const { frames, error } = this.#decoder.decode(bytes);
    for (const frame of frames) this.#handle(frame);
    if (error !== undefined) this.#fail();
  }

  #handle(frame: SpdyFrame): void {
    if (this.#closed) return;
    switch (frame.type) {
      case 'data':
        this.#data(frame.streamId, frame.bytes, frame.fin);
        break;
      case 'synStream':
        this.#open(frame);
        break;
      case 'headers':
      case 'synReply':
        if (frame.fin) this.#streams.get(frame.streamId)?.endRemote();
        break;
      case 'rstStream': {
        const stream = this.#streams.get(frame.streamId);
        this.#streams.delete(frame.streamId);
        stream?.destroy();
        break;
      }
      case 'ping':
        // The client's have odd numbers; the others are answers.
        if (frame.id % 2 === 1) this.#write(this.#encoder.encode(frame));
        break;
      case 'goaway':
        this.#clientLeaves = true;
        break;
      case 'settings':
      case 'windowUpdate':
        break;
    }
  }

  #open({ streamId, fin, unidirectional, headers }: Extract<SpdyFrame, { type: 'synStream' }>): void {
    if (streamId % 2 === 0 || streamId <= this.#lastStreamId) {
      this.#reset(streamId, RST_STATUS.protocolError);
      return;
    }
    this.#lastStreamId = streamId;
    const refused = this.#leaving || this.#clientLeaves || unidirectional || this.#streams.size >= MAX_STREAMS;
    const use = refused ? null : this.options.accept(headers);
    if (use === null) {
      this.#reset(streamId, RST_STATUS.refusedStream);
      return;
    }
    const stream = new SpdyStream(streamId, headers, this);
    this.#streams.set(streamId, stream);
    this.#write(this.#encoder.encode({ type: 'synReply', streamId, fin: false, headers: NO_HEADERS }));
    if (fin) stream.endRemote();
    use(stream);
  }

  /** Data of a stream that is gone is dropped: the client may not know yet. */
  #data(streamId: number, bytes: Buffer, fin: boolean): void {
    const stream = this.#streams.get(streamId);
    if (stream === undefined) {
      if (streamId > this.#lastStreamId) this.#reset(streamId, RST_STATUS.invalidStream);
      return;
    }
    if (stream.receive(bytes, fin)) return;
    this.#behind.add(stream);
    this.#transport.pause();
  }

  #reset(streamId: number, status: number): void {
    this.#write(this.#encoder.encode({ type: 'rstStream', streamId, status }));
  }

  #ping(): void {
    this.#pingId = (this.#pingId + 2) % 2 ** 31;
    this.#write(this.#encoder.encode({ type: 'ping', id: this.#pingId }));
  }

  #fail(): void {
    if (this.#closed) return;
    const status = GOAWAY_STATUS.protocolError;
    this.#write(this.#encoder.encode({ type: 'goaway', lastStreamId: this.#lastStreamId, status }));
    this.#hangUp();
  }

  /** What is still on its way arrives: the end is sent after it, and nothing that comes is left unread. */
  #hangUp(): void {
    this.#transport.end();
    for (const stream of this.#streams.values()) stream.resume();
    this.#later(LINGER_MS, () => this.#transport.destroy());
  }

  #later(delayMs: number, act: () => void): void {
    clearInterval(this.#timer);
    if (!this.#closed) this.#timer = setTimeout(act, delayMs).unref();
  }

  /** False: hold back until the transport has drained. */
  #write(...chunks: Buffer[]): boolean {
    const transport = this.#transport;
    if (this.#closed || !transport.writable) return true;
    let free = true;
    transport.cork();
    for (const chunk of chunks) if (chunk.length > 0) free = transport.write(chunk);
    process.nextTick(() => transport.uncork());
    return free;
  }

  #drained(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const resume of waiting) resume();
  }

  #close(): void {
    if (this.#closed) return;
    this.#closed = true;
    clearInterval(this.#timer);
    this.#waiting = [];
    const streams = [...this.#streams.values()];
    this.#streams.clear();
    for (const stream of streams) stream.destroy();
    this.options.onClose();
  }
}
