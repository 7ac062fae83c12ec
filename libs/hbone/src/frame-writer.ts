import {
  CLIENT_PREFACE,
  DEFAULT_MAX_FRAME_BYTES,
  FRAME_HEADER_BYTES,
  FrameFlag,
  FrameType,
  MAX_STREAM_ID,
} from './frame-types.js';
import { HBONE_LIMITS } from './limits.js';
import { OutputBuffers } from './output-buffers.js';

/** Debug text of our GOAWAY frames is cut to this. */
const GOAWAY_DEBUG_BYTES = 128;
/** Always kept free, so that the last word gets out. */
const GOAWAY_ROOM_BYTES = FRAME_HEADER_BYTES + 8 + GOAWAY_DEBUG_BYTES;

/**
 * The output of one connection: complete frames in one buffer, written where they will be sent from.
 *
 * Three zones: DATA and requests fill up to `capacityBytes`, answers and control frames go on into the control room, and
 * GOAWAY has the rest to itself. A method that returns false wrote nothing: the room for its kind is used up.
 */
export class FrameWriter {
  length = 0;
  readonly #buffers: OutputBuffers;
  /** Held while there is output. */
  #held: Buffer | null = null;
  /** False if and only if the next frame is the first of an empty buffer. */
  #announced = false;
  /** Control frames waiting, in two generations so that a steady stream of partial flushes still ages them. */
  #oldControl = 0;
  #newControl = 0;
  /** Bytes still to be flushed until the old generation is gone. */
  #oldBytes = 0;

  constructor(
    private readonly capacityBytes: number,
    private readonly onOutput: () => void,
  ) {
    this.#buffers = OutputBuffers.ofSize(capacityBytes + HBONE_LIMITS.controlRoomBytes + GOAWAY_ROOM_BYTES);
  }

  /** Where output is, and where its first bytes will be. Another buffer after each emptying. */
  get bytes(): Buffer {
    return this.#held ?? this.#buffers.next;
  }

  /** Payload bytes that one DATA frame may have now. */
  get dataRoom(): number {
    return this.capacityBytes - this.length - FRAME_HEADER_BYTES;
  }

  get dataOffset(): number {
    return this.length + FRAME_HEADER_BYTES;
  }

  /** At most this many answers wait to be sent. */
  get pendingControlFrames(): number {
    return this.#oldControl + this.#newControl;
  }

  flushed(n: number): void {
    if (n >= this.length) {
      this.length = 0;
      if (this.#held !== null) this.#buffers.giveBack(this.#held);
      this.#held = null;
      this.#announced = false;
      this.#oldControl = this.#newControl = this.#oldBytes = 0;
      return;
    }
    if (n <= 0) return;
    this.bytes.copyWithin(0, n, this.length);
    this.length -= n;
    this.#oldBytes -= n;
    if (this.#oldBytes > 0) return;
    this.#oldControl = this.#newControl;
    this.#newControl = 0;
    this.#oldBytes = this.length;
  }

  /** Starts a client's output; not announced, as the first flush belongs to the caller. */
  preface(): void {
    this.#held ??= this.#buffers.take();
    this.length += CLIENT_PREFACE.copy(this.bytes, this.length);
  }

  /** The constructor's frames are written: from here on `onOutput` reports the first frame after each emptying. */
  startAnnouncing(): void {
    this.#announced = this.length > 0;
  }

  settings(entries: ReadonlyArray<readonly [id: number, value: number]>): boolean {
    const at = this.#control(entries.length * 6, FrameType.SETTINGS, 0, 0);
    if (at < 0) return false;
    entries.forEach(([id, value], i) => {
      this.bytes.writeUInt16BE(id, at + i * 6);
      this.bytes.writeUInt32BE(value, at + i * 6 + 2);
    });
    return this.#done(at);
  }

  settingsAck(): boolean {
    return this.#answer(this.#control(0, FrameType.SETTINGS, FrameFlag.ACK, 0));
  }

  /** `payload` holds 8 bytes at `offset`. */
  ping(ack: boolean, payload: Buffer, offset: number): boolean {
    const at = this.#control(8, FrameType.PING, ack ? FrameFlag.ACK : 0, 0);
    if (at >= 0) payload.copy(this.bytes, at, offset, offset + 8);
    return ack ? this.#answer(at) : this.#done(at);
  }

  windowUpdate(streamId: number, increment: number): boolean {
    const at = this.#control(4, FrameType.WINDOW_UPDATE, 0, streamId);
    if (at >= 0) this.bytes.writeUInt32BE(increment, at);
    return this.#done(at);
  }

  rstStream(streamId: number, code: number): boolean {
    const at = this.#control(4, FrameType.RST_STREAM, 0, streamId);
    if (at >= 0) this.bytes.writeUInt32BE(code >>> 0, at);
    return this.#answer(at);
  }

  goaway(lastStreamId: number, code: number, debug: string): void {
    const text = Buffer.from(debug, 'latin1').subarray(0, GOAWAY_DEBUG_BYTES);
    if (this.length + FRAME_HEADER_BYTES + 8 + text.length > this.#buffers.size) return;
    const at = this.#frame(8 + text.length, FrameType.GOAWAY, 0, 0);
    this.bytes.writeUInt32BE(lastStreamId & MAX_STREAM_ID, at);
    this.bytes.writeUInt32BE(code >>> 0, at + 4);
    text.copy(this.bytes, at + 8);
    this.#done(at);
  }

  /** True when a header block of at most `blockBytes` fits: a request before the capacity, an answer before the control room ends. */
  hasHeaderRoom(blockBytes: number, request: boolean): boolean {
    const frames = Math.floor(blockBytes / DEFAULT_MAX_FRAME_BYTES) + 1;
    const end = this.length + blockBytes + frames * FRAME_HEADER_BYTES;
    return end <= (request ? this.capacityBytes : this.#controlEnd);
  }

  /** HEADERS, and CONTINUATION for what one frame of 16,384 bytes does not hold. The caller asked `hasHeaderRoom`. */
  headers(streamId: number, block: Buffer, endStream: boolean): void {
    let type: number = FrameType.HEADERS;
    let flags = endStream ? FrameFlag.END_STREAM : 0;
    let from = 0;
    do {
      const to = Math.min(block.length, from + DEFAULT_MAX_FRAME_BYTES);
      if (to === block.length) flags |= FrameFlag.END_HEADERS;
      const at = this.#frame(to - from, type, flags, streamId);
      block.copy(this.bytes, at, from, to);
      type = FrameType.CONTINUATION;
      flags = 0;
      from = to;
    } while (from < block.length);
    this.#done(0);
  }

  /** Makes a DATA frame of the `n` bytes that were put at `dataOffset`. */
  commitData(streamId: number, n: number): void {
    this.#done(this.#frame(n, FrameType.DATA, 0, streamId));
  }

  endStream(streamId: number): boolean {
    return this.#done(this.#control(0, FrameType.DATA, FrameFlag.END_STREAM, streamId));
  }

  get #controlEnd(): number {
    return this.#buffers.size - GOAWAY_ROOM_BYTES;
  }

  #control(payloadBytes: number, type: number, flags: number, streamId: number): number {
    if (this.length + FRAME_HEADER_BYTES + payloadBytes > this.#controlEnd) return -1;
    return this.#frame(payloadBytes, type, flags, streamId);
  }

  #answer(at: number): boolean {
    if (at >= 0) this.#newControl++;
    return this.#done(at);
  }

  /** Announces complete frames only, so that the caller may flush at once. */
  #done(at: number): boolean {
    if (at < 0) return false;
    if (!this.#announced) {
      this.#announced = true;
      this.onOutput();
    }
    return true;
  }

  /** Writes the frame header in place and takes the payload's room; returns where the payload goes. */
  #frame(payloadBytes: number, type: number, flags: number, streamId: number): number {
    const bytes = (this.#held ??= this.#buffers.take());
    const at = this.length;
    bytes[at] = payloadBytes >>> 16;
    bytes[at + 1] = payloadBytes >>> 8;
    bytes[at + 2] = payloadBytes;
    bytes[at + 3] = type;
    bytes[at + 4] = flags;
    bytes[at + 5] = streamId >>> 24;
    bytes[at + 6] = streamId >>> 16;
    bytes[at + 7] = streamId >>> 8;
    bytes[at + 8] = streamId;
    this.length = at + FRAME_HEADER_BYTES + payloadBytes;
    return at + FRAME_HEADER_BYTES;
  }
}
