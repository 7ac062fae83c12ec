import { Http2Code } from './errors.js';
import { CLIENT_PREFACE, FRAME_HEADER_BYTES, FrameFlag, FrameType } from './frame-types.js';

/** What to do with a frame other than DATA, decided on its header alone. */
export type FrameIntake = 'whole' | 'skip' | 'stop';

/** Receives what a FrameReader finds. Any method may call `stop()` on the reader; nothing follows then. */
export interface FrameSink {
  /** A DATA frame of `length` bytes on the wire begins (padding included). */
  dataStart(streamId: number, length: number): void;
  /** Payload of the current DATA frame, as a span of the caller's buffer. */
  dataSpan(bytes: Buffer, start: number, end: number): void;
  /** The current DATA frame is complete; `overhead` of its bytes were padding. */
  dataEnd(endStream: boolean, overhead: number): void;
  frameStart(type: number, flags: number, streamId: number, length: number): FrameIntake;
  /** The payload `bytes[start..end)` of a frame taken 'whole'. */
  frame(type: number, flags: number, streamId: number, bytes: Buffer, start: number, end: number): void;
  violation(code: number, rule: string): void;
}

type State = 'preface' | 'header' | 'pad-length' | 'data' | 'padding' | 'whole' | 'skip' | 'stopped';

/**
 * Cuts a byte stream into frames (RFC 9113, 4.1), however it is split. DATA payload is never copied; a frame header or
 * another frame's payload is carried over only when the input ends inside it.
 */
export class FrameReader {
  #state: State;
  #type = 0;
  #flags = 0;
  #streamId = 0;
  /** Bytes of the current part (payload, padding) that are still to come. */
  #remaining = 0;
  /** Pad length byte and padding of the current DATA frame. */
  #overhead = 0;
  readonly #header = Buffer.alloc(FRAME_HEADER_BYTES);
  #headerLength = 0;
  #prefaceLength = 0;
  /** A payload that came in pieces; null if and only if none is being collected. */
  #carry: Buffer | null = null;
  #carryLength = 0;

  constructor(
    private readonly sink: FrameSink,
    private readonly options: { readonly expectPreface: boolean; readonly maxFrameBytes: number },
  ) {
    this.#state = options.expectPreface ? 'preface' : 'header';
  }

  stop(): void {
    this.#state = 'stopped';
    this.#carry = null;
  }

  read(bytes: Buffer, start: number, end: number): void {
    let at = start;
    while (at < end && this.#state !== 'stopped') at = this.#step(bytes, at, end);
  }

  #step(bytes: Buffer, at: number, end: number): number {
    switch (this.#state) {
      case 'header':
        return this.#readHeader(bytes, at, end);
      case 'data':
        return this.#readData(bytes, at, end);
      case 'pad-length':
        return this.#readPadLength(bytes, at);
      case 'padding':
        return this.#readPadding(at, end);
      case 'whole':
        return this.#readWhole(bytes, at, end);
      case 'skip':
        return this.#readSkipped(at, end);
      case 'preface':
        return this.#readPreface(bytes, at, end);
      case 'stopped':
        return end;
    }
  }

  #readPreface(bytes: Buffer, at: number, end: number): number {
    while (at < end && this.#prefaceLength < CLIENT_PREFACE.length) {
      if (bytes[at++] === CLIENT_PREFACE[this.#prefaceLength++]) continue;
      this.#violation(Http2Code.PROTOCOL_ERROR, 'the client connection preface is wrong');
      return end;
    }
    if (this.#prefaceLength === CLIENT_PREFACE.length) this.#state = 'header';
    return at;
  }

  #readHeader(bytes: Buffer, at: number, end: number): number {
    if (this.#headerLength === 0 && end - at >= FRAME_HEADER_BYTES) {
      this.#begin(bytes, at);
      return at + FRAME_HEADER_BYTES;
    }
    const to = Math.min(end, at + FRAME_HEADER_BYTES - this.#headerLength);
    this.#headerLength += bytes.copy(this.#header, this.#headerLength, at, to);
    if (this.#headerLength === FRAME_HEADER_BYTES) {
      this.#headerLength = 0;
      this.#begin(this.#header, 0);
    }
    return to;
  }

  #begin(bytes: Buffer, at: number): void {
    const length = (bytes[at]! << 16) | (bytes[at + 1]! << 8) | bytes[at + 2]!;
    const type = (this.#type = bytes[at + 3]!);
    const flags = (this.#flags = bytes[at + 4]!);
    // The reserved bit is ignored (4.1).
    const streamId = ((bytes[at + 5]! & 0x7f) << 24) | (bytes[at + 6]! << 16) | (bytes[at + 7]! << 8) | bytes[at + 8]!;
    this.#streamId = streamId;
    this.#remaining = length;
    if (length > this.options.maxFrameBytes) {
      this.#violation(Http2Code.FRAME_SIZE_ERROR, `a frame of ${length} bytes is above SETTINGS_MAX_FRAME_SIZE`);
    } else if (type === FrameType.DATA) {
      this.#beginData(streamId, length, flags);
    } else {
      this.#beginOther(type, flags, streamId, length);
    }
  }

  #beginData(streamId: number, length: number, flags: number): void {
    const padded = (flags & FrameFlag.PADDED) !== 0;
    if (padded && length === 0) {
      this.#violation(Http2Code.FRAME_SIZE_ERROR, 'a padded frame must hold its pad length');
      return;
    }
    this.#overhead = 0;
    this.#state = padded ? 'pad-length' : 'data';
    this.sink.dataStart(streamId, length);
    if (length === 0) this.#endData();
  }

  #beginOther(type: number, flags: number, streamId: number, length: number): void {
    const intake = this.sink.frameStart(type, flags, streamId, length);
    if (intake === 'stop' || this.#stopped) {
      this.stop();
      return;
    }
    this.#state = intake;
    if (length > 0) return;
    this.#state = 'header';
    if (intake === 'whole') this.sink.frame(type, flags, streamId, this.#header, 0, 0);
  }

  #readPadLength(bytes: Buffer, at: number): number {
    const padding = bytes[at]!;
    this.#remaining -= 1 + padding;
    if (this.#remaining < 0) {
      this.#violation(Http2Code.PROTOCOL_ERROR, 'padding must be shorter than the frame');
      return at;
    }
    this.#overhead = 1 + padding;
    this.#state = 'data';
    if (this.#remaining === 0) this.#endPayload();
    return at + 1;
  }

  #readData(bytes: Buffer, at: number, end: number): number {
    const to = Math.min(end, at + this.#remaining);
    this.#remaining -= to - at;
    this.sink.dataSpan(bytes, at, to);
    if (this.#remaining === 0 && !this.#stopped) this.#endPayload();
    return to;
  }

  #endPayload(): void {
    if (this.#overhead <= 1) {
      this.#endData();
      return;
    }
    this.#state = 'padding';
    this.#remaining = this.#overhead - 1;
  }

  #readPadding(at: number, end: number): number {
    const to = Math.min(end, at + this.#remaining);
    this.#remaining -= to - at;
    if (this.#remaining === 0) this.#endData();
    return to;
  }

  #endData(): void {
    if (this.#stopped) return;
    this.#state = 'header';
    this.sink.dataEnd((this.#flags & FrameFlag.END_STREAM) !== 0, this.#overhead);
  }

  #readWhole(bytes: Buffer, at: number, end: number): number {
    if (this.#carry === null && end - at >= this.#remaining) {
      const to = at + this.#remaining;
      this.#state = 'header';
      this.sink.frame(this.#type, this.#flags, this.#streamId, bytes, at, to);
      return to;
    }
    this.#carry ??= Buffer.allocUnsafeSlow(this.#remaining);
    const to = Math.min(end, at + this.#remaining);
    this.#carryLength += bytes.copy(this.#carry, this.#carryLength, at, to);
    this.#remaining -= to - at;
    if (this.#remaining === 0) this.#endCarry(this.#carry);
    return to;
  }

  #endCarry(payload: Buffer): void {
    this.#carry = null;
    this.#carryLength = 0;
    this.#state = 'header';
    this.sink.frame(this.#type, this.#flags, this.#streamId, payload, 0, payload.length);
  }

  #readSkipped(at: number, end: number): number {
    const to = Math.min(end, at + this.#remaining);
    this.#remaining -= to - at;
    if (this.#remaining === 0) this.#state = 'header';
    return to;
  }

  /** Read through a getter, as callbacks change it behind the compiler's back. */
  get #stopped(): boolean {
    return this.#state === 'stopped';
  }

  #violation(code: number, rule: string): void {
    this.stop();
    this.sink.violation(code, rule);
  }
}
