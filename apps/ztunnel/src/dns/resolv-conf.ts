import { parseIp, type IpAddress } from '@weft/ip';

/** As many as the C library looks at. */
const MAX_NAMESERVERS = 3;

/** The nameservers of a resolv.conf(5), in order. Lines that are none, and addresses with a zone, are left out. */
export function parseNameservers(text: string): readonly IpAddress[] {
  const found = text.split('\n').flatMap((line) => {
    const [keyword, value = ''] = line.trim().split(/\s+/);
    const ip = keyword === 'nameserver' ? parseIp(value) : null;
    return ip === null ? [] : [ip];
  });
  return found.slice(0, MAX_NAMESERVERS);
}
