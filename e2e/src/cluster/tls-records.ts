import type { Segment } from './link-capture.js';

export type TlsVerdict =
  | { readonly tls: true; readonly handshakes: number; readonly applicationData: number }
  | { readonly tls: false; readonly at: number; readonly bytes: string };

const HANDSHAKE = 22;
const APPLICATION_DATA = 23;
const CONTENT_TYPES = new Set([20, 21, HANDSHAKE, APPLICATION_DATA]);
const HEADER_BYTES = 5;

/**
 * Puts one direction of a TCP connection together and walks it record by record: every byte has to belong to a TLS record
 * (RFC 8446 section 5.1), else the verdict tells where the first one is that does not.
 */
export function walkTlsRecords(segments: readonly Segment[]): TlsVerdict {
  const stream = reassemble(segments);
  let handshakes = 0;
  let applicationData = 0;
  let at = 0;
  while (at + HEADER_BYTES <= stream.length) {
    const [type = 0, major = 0, minor = 0] = stream.subarray(at, at + 3);
    if (!CONTENT_TYPES.has(type) || major !== 3 || minor > 4)
      return { tls: false, at, bytes: stream.subarray(at, at + 32).toString('latin1') };
    if (type === HANDSHAKE) handshakes++;
    if (type === APPLICATION_DATA) applicationData++;
    at += HEADER_BYTES + stream.readUInt16BE(at + 3);
  }
  return { tls: true, handshakes, applicationData };
}

/** By sequence number; what was sent twice counts once. Throws if the capture has a hole. */
function reassemble(segments: readonly Segment[]): Buffer {
  const parts: Buffer[] = [];
  let next = 1; // relative numbers: the first byte after SYN
  for (const { sequence, payload } of [...segments].sort((a, b) => a.sequence - b.sequence)) {
    if (sequence > next) throw new Error(`the capture lost ${sequence - next} bytes; it cannot be judged`);
    const fresh = payload.subarray(Math.max(0, next - sequence));
    if (fresh.length === 0) continue;
    parts.push(fresh);
    next += fresh.length;
  }
  return Buffer.concat(parts);
}
