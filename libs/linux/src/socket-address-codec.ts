import { ipFromBytes, type SocketAddress } from '@weft/ip';

export const AF_INET = 2;
export const AF_INET6 = 10;
/** Bytes of the largest form (`sockaddr_in6`). */
export const SOCKET_ADDRESS_BYTES = 28;

const V4_MAPPED_PREFIX = Buffer.from('00000000000000000000ffff', 'hex');

/**
 * Writes a `sockaddr_in` or `sockaddr_in6`; returns its length. An IPv4 address for an IPv6 socket is written in the
 * mapped form (`::ffff:1.2.3.4`).
 */
export function encodeSocketAddress(out: Buffer, address: SocketAddress, family: 4 | 6): number {
  if (family === 4) {
    if (address.ip.family !== 4) throw new RangeError(`${address.ip.text} does not fit an IPv4 socket`);
    out.fill(0, 0, 16);
    out.writeUInt16LE(AF_INET, 0);
    out.writeUInt16BE(address.port, 2);
    out.set(address.ip.bytes, 4);
    return 16;
  }
  out.fill(0, 0, SOCKET_ADDRESS_BYTES);
  out.writeUInt16LE(AF_INET6, 0);
  out.writeUInt16BE(address.port, 2);
  if (address.ip.family === 4) {
    V4_MAPPED_PREFIX.copy(out, 8);
    out.set(address.ip.bytes, 20);
  } else {
    out.set(address.ip.bytes, 8);
  }
  return SOCKET_ADDRESS_BYTES;
}

/** Null for a family that is neither, or too few bytes. A mapped IPv4 address is folded to IPv4. */
export function decodeSocketAddress(bytes: Buffer, length: number): SocketAddress | null {
  if (length < 16 || length > bytes.length) return null;
  const family = bytes.readUInt16LE(0);
  const port = bytes.readUInt16BE(2);
  const ip =
    family === AF_INET
      ? ipFromBytes(bytes.subarray(4, 8))
      : family === AF_INET6 && length >= 24
        ? ipFromBytes(bytes.subarray(8, 24))
        : null;
  return ip === null ? null : { ip, port };
}
