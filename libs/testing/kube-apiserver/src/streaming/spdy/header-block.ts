import { err, ok, type Result } from '@weft/result';
import type { SpdyHeaders } from './spdy-frame.js';

const LENGTH_BYTES = 4;

/** Header pairs as they are before compression: a count, then names and values after their lengths. SPDY draft 3.1, 2.6.10. */
export function encodeHeaderBlock(headers: SpdyHeaders): Buffer {
  const parts: Buffer[] = [uint32(headers.size)];
  for (const pair of headers) {
    for (const text of pair) {
      const bytes = Buffer.from(text, 'latin1');
      parts.push(uint32(bytes.length), bytes);
    }
  }
  return Buffer.concat(parts);
}

/** The reverse; the error says what is wrong with the bytes. */
export function decodeHeaderBlock(bytes: Buffer): Result<SpdyHeaders, string> {
  let offset = 0;
  const number = (): number | null => {
    if (bytes.length - offset < LENGTH_BYTES) return null;
    offset += LENGTH_BYTES;
    return bytes.readUInt32BE(offset - LENGTH_BYTES);
  };
  const text = (): string | null => {
    const length = number();
    if (length === null || bytes.length - offset < length) return null;
    offset += length;
    return bytes.toString('latin1', offset - length, offset);
  };
  const headers = new Map<string, string>();
  const count = number();
  if (count === null) return err('a header block without a count');
  for (let index = 0; index < count; index++) {
    const [name, value] = [text(), text()];
    if (name === null || value === null) return err('a header block that ends too early');
    if (name === '' || name !== lowerCase(name)) return err('a header name that is empty or not in lower case');
    if (headers.has(name)) return err('a header name that comes twice');
    headers.set(name, value);
  }
  return offset === bytes.length ? ok(headers) : err('bytes after the last header');
}

/** Only A to Z: what `toLowerCase` does beyond ASCII is no matter of the protocol. */
const lowerCase = (name: string): string => name.replace(/[A-Z]/g, (letter) => letter.toLowerCase());

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(LENGTH_BYTES);
  bytes.writeUInt32BE(value);
  return bytes;
}
