import { FrameFlag, FrameType } from '../frame-types.js';
import type { HeaderField } from '../handler.js';
import { HpackEncoder } from '../hpack-encoder.js';

/** One frame as seen on the wire. */
export interface RawFrame {
  readonly type: number;
  readonly flags: number;
  readonly streamId: number;
  readonly payload: Buffer;
}

/** A frame of any shape, right or wrong. */
export function rawFrame(type: number, flags: number, streamId: number, payload: Buffer = Buffer.alloc(0)): Buffer {
  const header = Buffer.alloc(9);
  header.writeUIntBE(payload.length, 0, 3);
  header[3] = type;
  header[4] = flags;
  header.writeUInt32BE(streamId, 5);
  return Buffer.concat([header, payload]);
}

export function u32(...values: number[]): Buffer {
  const bytes = Buffer.alloc(values.length * 4);
  values.forEach((value, i) => bytes.writeUInt32BE(value, i * 4));
  return bytes;
}

export function settingsFrame(...entries: Array<readonly [id: number, value: number]>): Buffer {
  const payload = Buffer.alloc(entries.length * 6);
  entries.forEach(([id, value], i) => {
    payload.writeUInt16BE(id, i * 6);
    payload.writeUInt32BE(value, i * 6 + 2);
  });
  return rawFrame(FrameType.SETTINGS, 0, 0, payload);
}

/** A header block that leaves no trace in the peer's table state (a fresh encoder, table size 0). */
export function block(fields: readonly HeaderField[]): Buffer {
  const encoder = new HpackEncoder();
  encoder.setPeerTableBytes(0);
  const out = Buffer.alloc(HpackEncoder.bound(fields));
  return out.subarray(0, encoder.encode(fields, out, 0));
}

export const CONNECT_FIELDS: readonly HeaderField[] = [
  [':method', 'CONNECT'],
  [':authority', '10.0.0.1:80'],
];
export const GET_FIELDS: readonly HeaderField[] = [
  [':method', 'GET'],
  [':scheme', 'http'],
  [':path', '/'],
  [':authority', 'a'],
];

export const headersFrame = (
  streamId: number,
  fields: readonly HeaderField[],
  flags: number = FrameFlag.END_HEADERS,
): Buffer => rawFrame(FrameType.HEADERS, flags, streamId, block(fields));

export const dataFrame = (streamId: number, payload: Buffer | string, flags = 0): Buffer =>
  rawFrame(FrameType.DATA, flags, streamId, Buffer.from(payload));

/** Takes whole frames apart; the input must end with a frame. */
export function parseFrames(bytes: Buffer): RawFrame[] {
  const frames: RawFrame[] = [];
  for (let at = 0; at < bytes.length;) {
    const end = at + 9 + bytes.readUIntBE(at, 3);
    if (end > bytes.length) throw new RangeError('a frame is cut off');
    const payload = Buffer.from(bytes.subarray(at + 9, end));
    frames.push({ type: bytes[at + 3]!, flags: bytes[at + 4]!, streamId: bytes.readUInt32BE(at + 5), payload });
    at = end;
  }
  return frames;
}

const NAMES = Object.entries(FrameType);

/** Short form for expectations, such as `RST_STREAM 1 00000008`. */
export function describeFrame({ type, flags, streamId, payload }: RawFrame): string {
  const name = NAMES.find(([, value]) => value === type)?.[0] ?? `TYPE_${type}`;
  const shown = type === FrameType.DATA ? payload.toString('latin1') : payload.toString('hex');
  return `${name}${flags === 0 ? '' : `+${flags.toString(16)}`} ${streamId} ${shown}`.trim();
}
