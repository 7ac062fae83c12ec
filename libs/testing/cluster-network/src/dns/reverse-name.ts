import { ipFromBytes, parseIp, type IpAddress } from '@weft/ip';

/** `4.3.2.1.in-addr.arpa` and `....ip6.arpa` (lower case) as an address; null if it is none. */
export function addressOfReverseName(name: string): IpAddress | null {
  if (name.endsWith('.in-addr.arpa'))
    return parseIp(name.slice(0, -'.in-addr.arpa'.length).split('.').reverse().join('.'));
  if (!name.endsWith('.ip6.arpa')) return null;
  const nibbles = name.slice(0, -'.ip6.arpa'.length).split('.');
  if (nibbles.length !== 32 || !nibbles.every((nibble) => /^[0-9a-f]$/.test(nibble))) return null;
  return ipFromBytes(Buffer.from(nibbles.reverse().join(''), 'hex'));
}

/** `10-244-1-2` or `fd00--1-2`: how an address is written as one label. */
export function addressOfLabel(label: string): IpAddress | null {
  return parseIp(label.replaceAll('-', '.')) ?? parseIp(label.replaceAll('-', ':'));
}

export const labelOfAddress = (address: string): string => address.replaceAll(/[.:]/g, '-');
