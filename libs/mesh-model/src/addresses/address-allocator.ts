import { cidrContains, cidrOf, type Cidr, type IpAddress } from '@weft/ip';
import { compareByAge } from '@weft/mesh-api';
import type { AddressRequest, ReservedAddresses } from './address-needs.js';
import { addressInRange, isGivable, sizeOfRange } from './address-range.js';
import type { HostAddress } from './automatic-addresses.js';

/** So many places are looked at for a free address; with a range of that size none is missed. */
const MOST_TRIES = 2 ** 16;

interface Holding {
  readonly request: string;
  readonly host: string;
  readonly range: number;
}

export interface AddressChanges {
  readonly requests?: readonly AddressRequest[];
  /** Keys of entries that are gone. */
  readonly released?: readonly string[];
  /** Without addresses: reserved no longer. */
  readonly reserved?: readonly ReservedAddresses[];
}

/**
 * Gives each host an address of each range: no address to two, and to a host always the same. What it gave it remembers, so that
 * a status which says otherwise is wrong; of what it sees for the first time the status is believed. Of two that hold
 * one address the older entry keeps it; what somebody wrote into a specification goes before both.
 *
 * Synchronous, without clock or chance: what a name gets depends on the name and on what is taken.
 */
export class AddressAllocator {
  readonly #requests = new Map<string, AddressRequest>();
  /** By address. */
  readonly #holdings = new Map<string, Holding>();
  /** Address by `placeOf`. */
  readonly #given = new Map<string, IpAddress>();
  readonly #short = new Set<string>();
  readonly #reserved = new Map<string, ReservedAddresses>();
  readonly #reservedCount = new Map<string, number>();
  readonly #reservedBlocks = new Map<string, readonly Cidr[]>();

  constructor(private readonly ranges: readonly Cidr[]) {}

  /** Returns the keys of requests whose addresses may be others than before, those of `changes` among them. */
  apply({ requests = [], released = [], reserved = [] }: AddressChanges): ReadonlySet<string> {
    const changed = new Set<string>();
    for (const one of reserved) this.#reserve(one, changed);
    for (const key of released) this.#release(key, []);
    for (const request of requests) {
      this.#release(request.key, request.hosts);
      this.#requests.set(request.key, request);
      changed.add(request.key);
    }
    const byAge = [...requests].sort((a, b) => compareByAge(a.meta, b.meta));
    for (const request of byAge) this.#adopt(request, changed);
    for (const key of this.#short) changed.add(key);
    const open = [...changed].map((key) => this.#requests.get(key)!);
    for (const request of open.sort((a, b) => compareByAge(a.meta, b.meta))) this.#fill(request);
    for (const key of changed)
      if (this.isShort(key)) this.#short.add(key);
      else this.#short.delete(key);
    return changed;
  }

  /** In the order of hosts and ranges. Fewer than asked for when a range is used up. */
  addressesOf(key: string): readonly HostAddress[] {
    const { hosts = [] } = this.#requests.get(key) ?? {};
    return hosts.flatMap((host) =>
      this.ranges.flatMap((_, range) => {
        const ip = this.#given.get(placeOf({ request: key, host, range }));
        return ip === undefined ? [] : [{ host, value: ip.text }];
      }),
    );
  }

  /** Whether a host of the entry is without an address, because there is none left. */
  isShort(key: string): boolean {
    const wanted = (this.#requests.get(key)?.hosts.length ?? 0) * this.ranges.length;
    return this.addressesOf(key).length < wanted;
  }

  /** Gives back all but what these hosts have. */
  #release(key: string, kept: readonly string[]): void {
    const known = this.#requests.get(key);
    if (known === undefined) return;
    const keeps = new Set(kept);
    for (const host of known.hosts)
      if (!keeps.has(host)) this.ranges.forEach((_, range) => this.#take({ request: key, host, range }));
    if (kept.length > 0) return;
    this.#requests.delete(key);
    this.#short.delete(key);
  }

  /** What stands in the status of an entry whose host has nothing yet. */
  #adopt(request: AddressRequest, changed: Set<string>): void {
    for (const host of request.hosts)
      this.ranges.forEach((cidr, range) => {
        const holding = { request: request.key, host, range };
        const ip = request.held.get(host)?.find((one) => isGivable(cidr, one));
        if (ip === undefined || this.#given.has(placeOf(holding)) || this.#isReserved(ip)) return;
        const other = this.#holdings.get(ip.text);
        if (other !== undefined) {
          const owner = this.#requests.get(other.request)!;
          if (owner.key === request.key || compareByAge(owner.meta, request.meta) <= 0) return;
          this.#take(other);
          changed.add(other.request);
        }
        this.#give(holding, ip);
      });
  }

  #fill(request: AddressRequest): void {
    for (const host of request.hosts)
      this.ranges.forEach((cidr, range) => {
        const holding = { request: request.key, host, range };
        if (this.#given.has(placeOf(holding))) return;
        const ip = this.#free(cidr, hashOf(`${request.key}/${host}`));
        if (ip !== null) this.#give(holding, ip);
      });
  }

  #free(cidr: Cidr, start: number): IpAddress | null {
    const size = sizeOfRange(cidr);
    for (let i = 0; i < Math.min(size, MOST_TRIES); i++) {
      const ip = addressInRange(cidr, (start + i) % size);
      if (!this.#holdings.has(ip.text) && !this.#isReserved(ip)) return ip;
    }
    return null;
  }

  #give(holding: Holding, ip: IpAddress): void {
    this.#holdings.set(ip.text, holding);
    this.#given.set(placeOf(holding), ip);
  }

  #take(holding: Holding): void {
    const place = placeOf(holding);
    const ip = this.#given.get(place);
    if (ip === undefined) return;
    this.#given.delete(place);
    this.#holdings.delete(ip.text);
  }

  #reserve(reserved: ReservedAddresses, changed: Set<string>): void {
    for (const { ip } of this.#reserved.get(reserved.key)?.addresses ?? []) this.#count(ip.text, -1);
    this.#reserved.set(reserved.key, reserved);
    const blocks: Cidr[] = [];
    for (const { ip, length } of reserved.addresses) {
      this.#count(ip.text, 1);
      const block = length === undefined ? null : cidrOf(ip, length);
      if (block !== null) blocks.push(block);
    }
    if (blocks.length > 0) this.#reservedBlocks.set(reserved.key, blocks);
    else this.#reservedBlocks.delete(reserved.key);
    if (reserved.addresses.length === 0) this.#reserved.delete(reserved.key);
    const texts = blocks.length > 0 ? [...this.#holdings.keys()] : reserved.addresses.map(({ ip }) => ip.text);
    for (const text of texts) {
      const holding = this.#holdings.get(text);
      if (holding === undefined || !this.#isReserved(this.#given.get(placeOf(holding))!)) continue;
      this.#take(holding);
      changed.add(holding.request);
    }
  }

  #count(text: string, by: 1 | -1): void {
    const count = (this.#reservedCount.get(text) ?? 0) + by;
    if (count > 0) this.#reservedCount.set(text, count);
    else this.#reservedCount.delete(text);
  }

  #isReserved(ip: IpAddress): boolean {
    if (this.#reservedCount.has(ip.text)) return true;
    for (const blocks of this.#reservedBlocks.values())
      if (blocks.some((block) => cidrContains(block, ip))) return true;
    return false;
  }
}

const placeOf = ({ request, host, range }: Holding): string => `${request}/${host}/${range}`;

/** FNV-1a: spreads names evenly, and the same on every replica. */
function hashOf(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  return hash >>> 0;
}
