import { Resolver } from 'node:dns/promises';
import { parseIp } from '@weft/ip';
import type { ResolvedName } from './on-demand-names.js';

const TIMEOUT_MS = 1500;
const TRIES = 2;

/**
 * Asks the nameservers of ztunnel's own resolv.conf, read anew for each name, for addresses of both families. Rejects only
 * if neither family has an answer.
 */
export async function resolveWithSystem(hostname: string, servers?: readonly string[]): Promise<ResolvedName> {
  const resolver = new Resolver({ timeout: TIMEOUT_MS, tries: TRIES });
  if (servers !== undefined) resolver.setServers(servers);
  const answers = await Promise.allSettled([
    resolver.resolve4(hostname, { ttl: true }),
    resolver.resolve6(hostname, { ttl: true }),
  ]);
  const records = answers.flatMap((answer) => (answer.status === 'fulfilled' ? answer.value : []));
  const failed = answers.find((answer) => answer.status === 'rejected');
  if (records.length === 0) throw failed?.reason ?? new Error(`${hostname} has no address`);
  return {
    addresses: records.flatMap(({ address }) => parseIp(address) ?? []),
    ttlSeconds: Math.min(...records.map(({ ttl }) => ttl)),
  };
}
