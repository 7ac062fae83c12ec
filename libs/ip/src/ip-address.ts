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
  if (bytes.length === 4) return { family: 4, bytes, text: `${bytes[0]}.${bytes[1]}.${bytes[2]}.${bytes[3]}` };
  const parsed = ipaddr.fromByteArray([...bytes]) as ipaddr.IPv6;
  if (parsed.isIPv4MappedAddress()) return fromBytesUnchecked(bytes.subarray(12));
  return { family: 6, bytes, text: parsed.toRFC5952String() };
}

/** Text of the form that IPV4 accepts. */
function v4Bytes(text: string): Uint8Array {
  const bytes = new Uint8Array(4);
  let part = 0;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code === DOT) part++;
    else bytes[part] = bytes[part]! * 10 + code - DIGIT_0;
  }
  return bytes;
}

const DOT = 0x2e;
const DIGIT_0 = 0x30;

/** Null for anything but one plain address: no octal or short IPv4, no zone, no prefix, no brackets. */
export function parseIp(text: string): IpAddress | null {
  if (IPV4.test(text)) return { family: 4, bytes: v4Bytes(text), text };
  if (!text.includes(':') || text.includes('%') || !ipaddr.IPv6.isValid(text)) return null;
  return fromBytesUnchecked(Uint8Array.from(ipaddr.IPv6.parse(text).toByteArray()));
}

/** Null unless there are exactly 4 or 16 bytes. The bytes are copied. */
export function ipFromBytes(bytes: Uint8Array): IpAddress | null {
  if (bytes.length === 16 && isMapped(bytes)) return fromBytesUnchecked(new Uint8Array(bytes.subarray(12)));
  return bytes.length === 4 || bytes.length === 16 ? fromBytesUnchecked(new Uint8Array(bytes)) : null;
}

/** `::ffff:0:0/96`. */
function isMapped(bytes: Uint8Array): boolean {
  for (let i = 0; i < 10; i++) if (bytes[i] !== 0) return false;
  return bytes[10] === 0xff && bytes[11] === 0xff;
}

export function isLoopback(ip: IpAddress): boolean {
  return ip.family === 4 ? ip.bytes[0] === 127 : ip.text === '::1';
}
