import type { Collection, Graph } from '@weft/collections';
import { cidrOf, cidrsOverlap, type Cidr } from '@weft/ip';
import type { ObjectMeta } from '@weft/mesh-api';
import { addressKeyOf, type ClaimedAddress } from '../service-claim.js';
import type { ServiceCollections } from '../service-collections.js';
import type { AutomaticAddresses } from './automatic-addresses.js';

/** What a ServiceEntry needs of automatic addresses, and what it has. */
export interface AddressRequest extends AutomaticAddresses {
  /** `<namespace>/<name>`. */
  readonly key: string;
  readonly meta: ObjectMeta;
}

/** Addresses of the ranges that somebody wrote into a specification, and that can therefore not be given to anybody else. */
export interface ReservedAddresses {
  /** Of the claim. */
  readonly key: string;
  readonly addresses: readonly ClaimedAddress[];
}

/** What an allocator has to know; in one collection, since it is to hear of a change at once. */
export type AddressNeed = AddressRequest | ReservedAddresses;

/** Requests of every ServiceEntry that gets addresses, or has some. */
export function addressNeeds(
  graph: Graph,
  { parsedEntries, claims }: ServiceCollections,
  ranges: readonly Cidr[],
): Collection<AddressNeed> {
  const isOfRange = ({ ip, length }: ClaimedAddress): boolean => {
    const block = cidrOf(ip, length ?? ip.bytes.length * 8)!;
    return ranges.some((range) => cidrsOverlap(range, block));
  };
  const key = (one: { readonly key: string }): string => one.key;
  const requests = graph.deriveMany(
    'requests for addresses',
    parsedEntries,
    ({ meta, automatic }): readonly AddressRequest[] =>
      automatic.hosts.length === 0 && automatic.written?.length === 0
        ? []
        : [{ key: `${meta.namespace}/${meta.name}`, meta, ...automatic }],
    { key },
  );
  const reserved = graph.deriveMany(
    'addresses given by hand',
    claims,
    (claim, fetch): readonly ReservedAddresses[] => {
      const entry =
        claim.kind === 'ServiceEntry' ? fetch.get(parsedEntries, `${claim.meta.namespace}/${claim.meta.name}`) : null;
      const given = new Set(entry?.automatic.held.get(claim.hostname)?.map(({ text }) => text));
      const addresses = claim.addresses.filter((one) => isOfRange(one) && !given.has(one.ip.text));
      return addresses.length === 0 ? [] : [{ key: claim.key, addresses }];
    },
    { key, equals: (a, b) => a.addresses.map(addressKeyOf).join() === b.addresses.map(addressKeyOf).join() },
  );
  return graph.union<AddressNeed>('needs of addresses', [requests, reserved]);
}
