import ipaddr from 'ipaddr.js';

/** An address parsed once at the edge. IPv4-mapped IPv6 is folded to IPv4, so two spellings of one host compare equal. */
export interface IpAddress {
  readonly family: 4 | 6;
  /** 4 or 16 bytes, network order. */
  readonly bytes: Uint8Array;
  /** Canonical text (RFC 5952 for IPv6). Equal text means equal address; use it as a map key. */
  readonly text: string;
}

const IPV4 = /^(?:(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)(?:\.(?!$)|$)){4}$/;

function fromBytesUnchecked(bytes: Uint8Array): IpAddress {
  const parsed = ipaddr.fromByteArray([...bytes]);
  if (parsed.kind() === 'ipv6' && (parsed as ipaddr.IPv6).isIPv4MappedAddress()) {
    return fromBytesUnchecked(bytes.subarray(12));
  }
  const text = parsed.kind() === 'ipv6' ? (parsed as ipaddr.IPv6).toRFC5952String() : parsed.toString();
  return { family: parsed.kind() === 'ipv4' ? 4 : 6, bytes, text };
}

/** Null for anything but one plain address: no octal or short IPv4, no zone, no prefix, no brackets. */
export function parseIp(text: string): IpAddress | null {
  if (IPV4.test(text)) return fromBytesUnchecked(Uint8Array.from(text.split('.'), Number));
  if (!text.includes(':') || text.includes('%') || !ipaddr.IPv6.isValid(text)) return null;
  return fromBytesUnchecked(Uint8Array.from(ipaddr.IPv6.parse(text).toByteArray()));
}

/** Null unless there are exactly 4 or 16 bytes. The bytes are copied. */
export function ipFromBytes(bytes: Uint8Array): IpAddress | null {
  return bytes.length === 4 || bytes.length === 16 ? fromBytesUnchecked(Uint8Array.from(bytes)) : null;
}

export function isLoopback(ip: IpAddress): boolean {
  return ip.family === 4 ? ip.bytes[0] === 127 : ip.text === '::1';
}
