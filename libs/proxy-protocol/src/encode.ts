import type { SocketAddress } from '@weft/ip';
import {
  addressBytes,
  COMMAND_PROXY,
  FIXED_BYTES,
  SIGNATURE,
  TCP_OVER_IPV4,
  TCP_OVER_IPV6,
  UNSPEC,
  VERSION_2,
  type ProxyHeader,
} from './proxy-header.js';

/** The bytes to send before the first one of the stream. Throws RangeError if the extra fields do not fit into 64 KiB. */
export function encodeProxyHeader({ source, destination, tlvs }: ProxyHeader): Uint8Array {
  const family = familyOf(source, destination);
  let length = addressBytes(family);
  for (const value of tlvs.values()) length += 3 + value.length;
  if (length > 0xffff) throw new RangeError(`a PROXY header of ${length} bytes does not fit`);
  const bytes = new Uint8Array(FIXED_BYTES + length);
  const view = new DataView(bytes.buffer);
  bytes.set(SIGNATURE);
  bytes[12] = VERSION_2 | COMMAND_PROXY;
  bytes[13] = family;
  view.setUint16(14, length);
  let at = FIXED_BYTES;
  if (family !== UNSPEC) {
    at += writeAddresses(bytes, view, source!, destination!);
  }
  for (const [type, value] of tlvs) {
    bytes[at] = type;
    view.setUint16(at + 1, value.length);
    bytes.set(value, at + 3);
    at += 3 + value.length;
  }
  return bytes;
}

function familyOf(source: SocketAddress | null, destination: SocketAddress | null): number {
  if (source === null || destination === null || source.ip.family !== destination.ip.family) return UNSPEC;
  return source.ip.family === 4 ? TCP_OVER_IPV4 : TCP_OVER_IPV6;
}

function writeAddresses(bytes: Uint8Array, view: DataView, source: SocketAddress, destination: SocketAddress): number {
  const each = source.ip.bytes.length;
  bytes.set(source.ip.bytes, FIXED_BYTES);
  bytes.set(destination.ip.bytes, FIXED_BYTES + each);
  view.setUint16(FIXED_BYTES + 2 * each, source.port);
  view.setUint16(FIXED_BYTES + 2 * each + 2, destination.port);
  return 2 * each + 4;
}
