import { cidrContains, cidrOf, ipFromBytes, parseIp, type Cidr, type IpAddress } from '@weft/ip';

/** Those of Istio: no address in them is used on the Internet, and no route in a cluster leads to one. */
export const AUTOMATIC_RANGES: readonly Cidr[] = [
  cidrOf(parseIp('240.240.0.0')!, 16)!,
  cidrOf(parseIp('2001:2::')!, 48)!,
];

/** Of larger ranges only the first so many addresses are given. */
const MOST_ADDRESSES = 2 ** 32;

/** How many addresses can be given: see `isGivable`. */
export function sizeOfRange({ base, prefixLength }: Cidr): number {
  const bits = base.bytes.length * 8 - prefixLength;
  return Math.max(0, Math.min(MOST_ADDRESSES, 2 ** bits) - 2);
}

/** Not the first, which names the network, nor the last, which an old stack may broadcast to. */
export function isGivable(range: Cidr, ip: IpAddress): boolean {
  if (!cidrContains(range, ip) || ip.text === range.base.text) return false;
  return ip.bytes.some((byte, i) => byte !== (range.base.bytes[i]! | hostBits(range, i)));
}

const hostBits = ({ prefixLength }: Cidr, index: number): number =>
  0xff >> Math.min(8, Math.max(0, prefixLength - index * 8));

/** `index` from 0 to below the size of the range. */
export function addressInRange({ base }: Cidr, index: number): IpAddress {
  const bytes = Uint8Array.from(base.bytes);
  let rest = index + 1;
  for (let i = bytes.length - 1; rest > 0; i--) {
    bytes[i]! |= rest % 256;
    rest = Math.floor(rest / 256);
  }
  return ipFromBytes(bytes)!;
}
