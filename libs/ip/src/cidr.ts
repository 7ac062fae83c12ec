import { ipFromBytes, parseIp, type IpAddress } from './ip-address.js';

/** A network prefix; host bits of `base` are zero. */
export interface Cidr {
  readonly base: IpAddress;
  readonly prefixLength: number;
  readonly text: string;
}

/** Builds a CIDR, clearing host bits. Null if the prefix does not fit the family. */
export function cidrOf(address: IpAddress, prefixLength: number): Cidr | null {
  if (!Number.isInteger(prefixLength) || prefixLength < 0 || prefixLength > address.bytes.length * 8) return null;
  const bytes = Uint8Array.from(address.bytes, (byte, i) => byte & maskByte(prefixLength, i));
  const base = ipFromBytes(bytes);
  if (base === null) return null;
  return { base, prefixLength, text: `${base.text}/${prefixLength}` };
}

/** `10.0.0.0/8`, `fd00::/8`, or a bare address (its full length). Null if it is neither. */
export function parseCidr(text: string): Cidr | null {
  const slash = text.indexOf('/');
  const address = parseIp(slash < 0 ? text : text.slice(0, slash));
  if (address === null) return null;
  if (slash < 0) return cidrOf(address, address.bytes.length * 8);
  const length = text.slice(slash + 1);
  return /^(0|[1-9]\d{0,2})$/.test(length) ? cidrOf(address, Number(length)) : null;
}

export function cidrContains(cidr: Cidr, address: IpAddress): boolean {
  const { base, prefixLength } = cidr;
  if (base.family !== address.family) return false;
  const whole = prefixLength >> 3;
  for (let i = 0; i < whole; i++) if (base.bytes[i] !== address.bytes[i]) return false;
  if ((prefixLength & 7) === 0) return true;
  return base.bytes[whole] === (address.bytes[whole]! & maskByte(prefixLength, whole));
}

/** Whether an address is in both. */
export const cidrsOverlap = (a: Cidr, b: Cidr): boolean => cidrContains(a, b.base) || cidrContains(b, a.base);

/** The bits of byte `index` that a prefix of this length covers. */
function maskByte(prefixLength: number, index: number): number {
  const bits = Math.min(8, Math.max(0, prefixLength - index * 8));
  return (0xff << (8 - bits)) & 0xff;
}
