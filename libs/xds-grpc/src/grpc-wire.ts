import { status } from '@grpc/grpc-js';
import { err, ok, type Result } from '@weft/result';

/** What a caller is told instead of an answer. */
export interface GrpcRefusal {
  readonly code: status;
  readonly message: string;
  /** Further trailers. */
  readonly trailers?: Readonly<Record<string, string>>;
}

const PREFIX_BYTES = 5;

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
  if (bytes[0] !== 0) return err({ code: status.UNIMPLEMENTED, message: 'compressed messages are not supported' });
  return ok(bytes.subarray(PREFIX_BYTES));
}

/** A message with its prefix. */
export function unaryFrame(message: Uint8Array): Buffer {
  const frame = Buffer.allocUnsafe(PREFIX_BYTES + message.length);
  frame[0] = 0;
  frame.writeUInt32BE(message.length, 1);
  frame.set(message, PREFIX_BYTES);
  return frame;
}

export function refusalHeaders({ code, message, trailers }: GrpcRefusal): Record<string, string> {
  return { ...trailers, 'grpc-status': String(code), 'grpc-message': percentEncoded(message) };
}

/** Printable ASCII stays, all else and `%` become %XX of UTF-8. */
export function percentEncoded(text: string): string {
  let encoded = '';
  for (const byte of Buffer.from(text)) {
    const plain = byte >= 0x20 && byte <= 0x7e && byte !== 0x25;
    encoded += plain ? String.fromCharCode(byte) : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`;
  }
  return encoded;
}
