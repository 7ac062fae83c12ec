import { err, ok, type Result } from '@weft/result';
import { decodeHeaderBlock } from './header-block.js';
import { HeaderDecompressor } from './header-decompressor.js';
import {
  FLAG_FIN,
  FLAG_UNIDIRECTIONAL,
  FRAME_HEADER_BYTES,
  FRAME_TYPE,
  MAX_PAYLOAD_BYTES,
  SPDY_VERSION,
  type SpdyFrame,
  type SpdyHeaders,
} from './spdy-frame.js';

/** Control frames are small in this use of SPDY; a longer one is taken for nonsense. */
const MAX_CONTROL_BYTES = 16 * 1024;
const ID_MASK = 0x7f_ff_ff_ff;
const SETTING_BYTES = 8;

export interface DecodedFrames {
  readonly frames: readonly SpdyFrame[];
  /** What ended the connection; `frames` came before it. Absent: all is well. */
  readonly error?: string;
}

/**
 * Reads the frames of one direction of a connection from bytes in pieces of any size. Never throws. A DATA frame may come
 * out as several, of which only the last has `fin`: nothing of it is held back. Its bytes are a view of the input.
 */
export class FrameDecoder {
  readonly #decompressor = new HeaderDecompressor();
  #carry: Buffer = Buffer.alloc(0);
  #data: { readonly streamId: number; readonly fin: boolean; left: number } | null = null;
  #error: string | undefined;

  decode(bytes: Buffer): DecodedFrames {
    const frames: SpdyFrame[] = [];
    if (this.#error !== undefined) return this.#result(frames);
    let input = this.#carry.length === 0 ? bytes : Buffer.concat([this.#carry, bytes]);
    let used: number;
    do {
      used = this.#data === null ? this.#frame(input, frames) : this.#payload(input, frames);
      input = input.subarray(used);
    } while (used > 0);
    // A copy: the few bytes must not keep the whole input alive.
    this.#carry = Buffer.from(input);
    return this.#result(frames);
  }

  #result(frames: readonly SpdyFrame[]): DecodedFrames {
    return this.#error === undefined ? { frames } : { frames, error: this.#error };
  }

  /** How many bytes were used; 0: more are needed. */
  #frame(input: Buffer, frames: SpdyFrame[]): number {
    if (input.length < FRAME_HEADER_BYTES) return 0;
    const first = input.readUInt32BE();
    const second = input.readUInt32BE(4);
    const [flags, length] = [second >>> 24, second & MAX_PAYLOAD_BYTES];
    if (first < 2 ** 31) {
      this.#data = { streamId: first, fin: (flags & FLAG_FIN) !== 0, left: length };
      if (length === 0) this.#payload(input.subarray(FRAME_HEADER_BYTES), frames);
      return FRAME_HEADER_BYTES;
    }
    const version = (first >>> 16) & 0x7fff;
    if (version !== SPDY_VERSION) return this.#fail(`a frame of SPDY version ${version}`);
    if (length > MAX_CONTROL_BYTES) return this.#fail(`a control frame of ${length} bytes`);
    const end = FRAME_HEADER_BYTES + length;
    if (input.length < end) return 0;
    const frame = this.#control(first & 0xffff, flags, input.subarray(FRAME_HEADER_BYTES, end));
    if (!frame.ok) return this.#fail(frame.error);
    if (frame.value !== null) frames.push(frame.value);
    return end;
  }

  #payload(input: Buffer, frames: SpdyFrame[]): number {
    const data = this.#data!;
    const bytes = input.subarray(0, data.left);
    if (bytes.length === 0 && data.left > 0) return 0;
    data.left -= bytes.length;
    frames.push({ type: 'data', streamId: data.streamId, fin: data.fin && data.left === 0, bytes });
    if (data.left === 0) this.#data = null;
    return bytes.length;
  }

  /** Null for types that nobody knows: they are skipped. SPDY draft 3.1, 2.2.1. */
  #control(type: number, flags: number, payload: Buffer): Result<SpdyFrame | null, string> {
    const fin = (flags & FLAG_FIN) !== 0;
    switch (type) {
      case FRAME_TYPE.synStream:
        return this.#synStream(fin, (flags & FLAG_UNIDIRECTIONAL) !== 0, payload);
      case FRAME_TYPE.synReply:
        return this.#headerFrame('synReply', fin, payload);
      case FRAME_TYPE.headers:
        return this.#headerFrame('headers', fin, payload);
      case FRAME_TYPE.settings:
        return settings(payload);
      case FRAME_TYPE.ping:
        if (payload.length !== 4) return err('a PING of a wrong length');
        return ok({ type: 'ping', id: payload.readUInt32BE() });
      case FRAME_TYPE.rstStream:
      case FRAME_TYPE.goaway:
      case FRAME_TYPE.windowUpdate:
        return pair(type, payload);
      default:
        return ok(null);
    }
  }

  #synStream(fin: boolean, unidirectional: boolean, payload: Buffer): Result<SpdyFrame, string> {
    if (payload.length < 10) return err('a SYN_STREAM of a wrong length');
    const headers = this.#headers(payload.subarray(10));
    if (!headers.ok) return headers;
    return ok({
      type: 'synStream',
      streamId: payload.readUInt32BE() & ID_MASK,
      associatedStreamId: payload.readUInt32BE(4) & ID_MASK,
      priority: payload[8]! >>> 5,
      fin,
      unidirectional,
      headers: headers.value,
    });
  }

  #headerFrame(type: 'synReply' | 'headers', fin: boolean, payload: Buffer): Result<SpdyFrame, string> {
    if (payload.length < 4) return err('a frame with headers of a wrong length');
    const headers = this.#headers(payload.subarray(4));
    if (!headers.ok) return headers;
    return ok({ type, streamId: payload.readUInt32BE() & ID_MASK, fin, headers: headers.value });
  }

  #headers(bytes: Buffer): Result<SpdyHeaders, string> {
    const block = this.#decompressor.decompress(bytes);
    return block.ok ? decodeHeaderBlock(block.value) : block;
  }

  #fail(error: string): 0 {
    this.#error = error;
    return 0;
  }
}

/** The frames that are two numbers. */
function pair(type: 3 | 7 | 9, payload: Buffer): Result<SpdyFrame, string> {
  if (payload.length !== 8) return err(`a control frame of type ${type} of a wrong length`);
  const [id, value] = [payload.readUInt32BE() & ID_MASK, payload.readUInt32BE(4)];
  if (type === FRAME_TYPE.rstStream) return ok({ type: 'rstStream', streamId: id, status: value });
  if (type === FRAME_TYPE.goaway) return ok({ type: 'goaway', lastStreamId: id, status: value });
  return ok({ type: 'windowUpdate', streamId: id, delta: value & ID_MASK });
}

function settings(payload: Buffer): Result<SpdyFrame, string> {
  const count = payload.length < 4 ? -1 : payload.readUInt32BE();
  if (payload.length !== 4 + count * SETTING_BYTES) return err('SETTINGS of a wrong length');
  const entries = Array.from({ length: count }, (_none, index) => {
    const offset = 4 + index * SETTING_BYTES;
    const word = payload.readUInt32BE(offset);
    return { flags: word >>> 24, id: word & 0xff_ff_ff, value: payload.readUInt32BE(offset + 4) };
  });
  return ok({ type: 'settings', settings: entries });
}
