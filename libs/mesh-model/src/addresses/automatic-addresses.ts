import { parseIp, type Cidr, type IpAddress } from '@weft/ip';
import { automaticallyAddressedHosts, type ServiceEntry } from '@weft/mesh-api';
import { isGivable } from './address-range.js';

/** One item of `status.addresses` of a ServiceEntry. */
export interface HostAddress {
  readonly host: string;
  readonly value: string;
}

export interface AutomaticAddresses {
  /** Those that get an address from each range. */
  readonly hosts: readonly string[];
  /** What they have of the ranges, by host: what stands in the status otherwise is nobody's word, and not believed. */
  readonly held: ReadonlyMap<string, readonly IpAddress[]>;
  /** `status.addresses` as it is; null for something that is no such list. */
  readonly written: readonly HostAddress[] | null;
}

/** Reads the status of a ServiceEntry, given as it is in the API; never throws. */
export function automaticAddressesOf(
  entry: ServiceEntry,
  object: unknown,
  ranges: readonly Cidr[],
): AutomaticAddresses {
  const hosts = ranges.length === 0 ? [] : automaticallyAddressedHosts(entry);
  const written = writtenAddresses(object);
  const held = new Map<string, readonly IpAddress[]>();
  for (const host of hosts) {
    const ips = (written ?? []).flatMap((item) => {
      const ip = item.host === host ? parseIp(item.value) : null;
      return ip === null ? [] : [ip];
    });
    const oneOfEach = ranges.flatMap((range) => ips.find((ip) => isGivable(range, ip)) ?? []);
    if (oneOfEach.length > 0) held.set(host, oneOfEach);
  }
  return { hosts, held, written };
}

function writtenAddresses(object: unknown): readonly HostAddress[] | null {
  const addresses = (object as { status?: { addresses?: unknown } | null } | null)?.status?.addresses ?? [];
  if (!Array.isArray(addresses)) return null;
  const items = (addresses as unknown[]).map((item) => (item ?? {}) as Record<string, unknown>);
  const strange = items.some(
    (item) => Object.keys(item).length !== 2 || typeof item['host'] !== 'string' || typeof item['value'] !== 'string',
  );
  return strange ? null : items.map(({ host, value }) => ({ host: host as string, value: value as string }));
}
