import { ipFromBytes } from '@weft/ip';
import { err, ok, type Result } from '@weft/result';
import {
  addressBytes,
  COMMAND_LOCAL,
  COMMAND_PROXY,
  FIXED_BYTES,
  SIGNATURE,
  TCP_OVER_IPV4,
  TCP_OVER_IPV6,
  UNSPEC,
  VERSION_2,
  type ProxyHeader,
} from './proxy-header.js';

export interface DecodedProxyHeader {
  readonly header: ProxyHeader;
  /** Where the stream itself begins. */
  readonly length: number;
}

/**
 * Reads the header at the beginning of a stream. Null: it may be one, but more bytes are needed. An error names the byte that
 * cannot be; a stream without a header is an error, never a stream without an address. Never throws.
 */
export function decodeProxyHeader(bytes: Uint8Array): Result<DecodedProxyHeader | null, string> {
  const seen = Math.min(bytes.length, SIGNATURE.length);
  for (let i = 0; i < seen; i++) {
    if (bytes[i] !== SIGNATURE[i]) return err(`byte ${i} is not of the PROXY v2 signature`);
  }
  if (bytes.length < FIXED_BYTES) return ok(null);
  const [version, command, family] = [bytes[12]! & 0xf0, bytes[12]! & 0x0f, bytes[13]!];
  if (version !== VERSION_2) return err(`unknown PROXY version ${version >> 4}`);
  if (command !== COMMAND_LOCAL && command !== COMMAND_PROXY) return err(`unknown PROXY command ${command}`);
  const length = FIXED_BYTES + new DataView(bytes.buffer, bytes.byteOffset).getUint16(14);
  if (bytes.length < length) return ok(null);
  const body = bytes.subarray(FIXED_BYTES, length);
  if (command === COMMAND_LOCAL) return ok({ header: { source: null, destination: null, tlvs: new Map() }, length });
  if (family !== TCP_OVER_IPV4 && family !== TCP_OVER_IPV6 && family !== UNSPEC)
    return err(`PROXY family and transport 0x${family.toString(16)} is not TCP over IPv4 or IPv6`);
  if (body.length < addressBytes(family)) return err(`the PROXY header is too short for its addresses`);
  const tlvs = readTlvs(body.subarray(addressBytes(family)));
  if (tlvs === null) return err('a PROXY extra field is longer than the header');
  return ok({ header: { ...readAddresses(body, family), tlvs }, length });
}

function readAddresses(body: Uint8Array, family: number): Pick<ProxyHeader, 'source' | 'destination'> {
  if (family === UNSPEC) return { source: null, destination: null };
  const each = family === TCP_OVER_IPV4 ? 4 : 16;
  const view = new DataView(body.buffer, body.byteOffset);
  return {
    source: { ip: ipFromBytes(body.subarray(0, each))!, port: view.getUint16(2 * each) },
    destination: { ip: ipFromBytes(body.subarray(each, 2 * each))!, port: view.getUint16(2 * each + 2) },
  };
}

/** The last one of a type counts. */
function readTlvs(bytes: Uint8Array): ReadonlyMap<number, Uint8Array> | null {
  const tlvs = new Map<number, Uint8Array>();
  for (let at = 0; at < bytes.length;) {
    if (at + 3 > bytes.length) return null;
    const length = (bytes[at + 1]! << 8) | bytes[at + 2]!;
    if (at + 3 + length > bytes.length) return null;
    tlvs.set(bytes[at]!, bytes.slice(at + 3, at + 3 + length));
    at += 3 + length;
  }
  return tlvs;
}
