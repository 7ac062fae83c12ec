import { status } from '@grpc/grpc-js';
import type { HeaderField } from '@weft/hbone';
import { err, ok, type Result } from '@weft/result';

/** What a caller is told instead of an answer. */
export interface GrpcRefusal {
  readonly code: status;
  readonly message: string;
  /** Further trailers. */
  readonly trailers?: Readonly<Record<string, string>>;
}

/** Length-Prefixed-Message: one byte for compression, four for the length. */
export const PREFIX_BYTES = 5;
/** Said with every refusal of a compressed message, so that the client can do without. */
const UNCOMPRESSED = { 'grpc-accept-encoding': 'identity' };

/** The one message of a unary request; `length` is what came, `bytes` may be cut off behind the limit. */
export function readUnaryMessage(bytes: Buffer, length: number, largestBytes: number): Result<Buffer, GrpcRefusal> {
  const announced = bytes.length < PREFIX_BYTES ? 0 : bytes.readUInt32BE(1);
  if (length > largestBytes + PREFIX_BYTES || announced > largestBytes) {
    const received = Math.max(announced, length - PREFIX_BYTES);
    const message = `Received message larger than max (${received} vs ${largestBytes})`;
    return err({ code: status.RESOURCE_EXHAUSTED, message });
  }
  if (bytes.length < PREFIX_BYTES || bytes.length !== PREFIX_BYTES + announced)
    return err({ code: status.INTERNAL, message: 'a unary request is exactly one message' });
  if (bytes[0] !== 0) return err(compressed());
  return ok(bytes.subarray(PREFIX_BYTES));
}

export const compressed = (): GrpcRefusal => ({
  code: status.UNIMPLEMENTED,
  message: 'compressed messages are not supported',
  trailers: UNCOMPRESSED,
});

/** `application/grpc`, alone or with `+proto`; other encodings of messages are not known here. */
export const isGrpcContent = (contentType: string): boolean =>
  /^application\/grpc(?:\+proto)?(?:\s*;|$)/.test(contentType);

const UNIT_MS: Readonly<Record<string, number>> = { H: 3_600_000, M: 60_000, S: 1000, m: 1, u: 1e-3, n: 1e-6 };

/** Milliseconds of `grpc-timeout`, rounded up; null if it is not one (at most 8 digits and a unit). */
export function timeoutMs(text: string): number | null {
  const match = /^([0-9]{1,8})([HMSmun])$/.exec(text);
  return match === null ? null : Math.ceil(Number(match[1]) * UNIT_MS[match[2]!]!);
}

/** A message with its prefix. */
export function unaryFrame(message: Uint8Array): Buffer {
  const frame = Buffer.allocUnsafe(PREFIX_BYTES + message.length);
  writePrefix(frame, 0, message.length);
  frame.set(message, PREFIX_BYTES);
  return frame;
}

export function writePrefix(bytes: Buffer, at: number, messageBytes: number): void {
  bytes[at] = 0;
  bytes.writeUInt32BE(messageBytes, at + 1);
}

export function refusalFields({ code, message, trailers = {} }: GrpcRefusal): readonly HeaderField[] {
  return [...Object.entries(trailers), ['grpc-status', String(code)], ['grpc-message', percentEncoded(message)]];
}

/** Printable ASCII stays, all else and `%` become %XX of UTF-8; a blank at either end, too, or it would not arrive. */
export function percentEncoded(text: string): string {
  let encoded = '';
  const bytes = Buffer.from(text);
  bytes.forEach((byte, i) => {
    const outermost = i === 0 || i === bytes.length - 1;
    const plain = (byte > 0x20 || (byte === 0x20 && !outermost)) && byte <= 0x7e && byte !== 0x25;
    encoded += plain ? String.fromCharCode(byte) : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`;
  });
  return encoded;
}
