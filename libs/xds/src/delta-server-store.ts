import { BinaryWriter } from '@bufbuild/protobuf/wire';
import { fieldOf, type XdsResource } from './xds-resource.js';

interface LogEntry {
  readonly sequence: number;
  readonly name: string;
}

export interface ResourceChanges {
  readonly upserts: readonly XdsResource[];
  readonly removals: readonly string[];
}

/** A change of resources, encoded once for all clients it goes to. */
export interface EncodedChanges extends ResourceChanges {
  /** Fields `resources` and `removed_resources` of a DeltaDiscoveryResponse. */
  readonly payload: Buffer;
}

const REMOVED_TAG = (6 << 3) | 2;
const CACHED_RANGES = 8;
const CACHED_WHOLES = 2;
/** The log may grow to this many entries beyond the resources before it is compacted. */
const LOG_SLACK = 1024;

/**
 * All resources of one type with a log of changes. A wildcard client is a position in the log: what it has to be sent is
 * what changed behind that position, so that a client costs no memory per resource.
 */
export class ResourceStore {
  #sequence = 0;
  readonly #resources = new Map<string, XdsResource>();
  /** Every name, alias and related name to the resources found under it. */
  readonly #byKey = new Map<string, Set<string>>();
  #log: LogEntry[] = [];
  readonly #ranges = new Map<string, EncodedChanges>();
  readonly #wholes = new Map<string, Buffer>();

  constructor(readonly typeUrl: string) {}

  /** Grows with every change. */
  get sequence(): number {
    return this.#sequence;
  }

  get size(): number {
    return this.#resources.size;
  }

  get logLength(): number {
    return this.#log.length;
  }

  get(name: string): XdsResource | undefined {
    return this.#resources.get(name);
  }

  values(): IterableIterator<XdsResource> {
    return this.#resources.values();
  }

  /** Resources that answer to a name, an alias, or that belong to the resource of that name; by ascending name. */
  lookup(key: string): readonly XdsResource[] {
    return [...(this.#byKey.get(key) ?? [])].sort().flatMap((name) => this.#resources.get(name) ?? []);
  }

  /** Takes changes over; what is equal to what is there changes nothing. */
  apply({ upserts, removals }: ResourceChanges): void {
    for (const resource of upserts) {
      const old = this.#resources.get(resource.name);
      if (old?.version === resource.version) continue;
      if (old !== undefined) this.#unlink(old);
      this.#resources.set(resource.name, resource);
      for (const key of keysOf(resource)) {
        const names = this.#byKey.get(key);
        if (names === undefined) this.#byKey.set(key, new Set([resource.name]));
        else names.add(resource.name);
      }
      this.#record(resource.name);
    }
    for (const name of removals) {
      const old = this.#resources.get(name);
      if (old === undefined) continue;
      this.#unlink(old);
      this.#resources.delete(name);
      this.#record(name);
    }
  }

  /** Names that changed after `position`, each once. */
  namesSince(position: number): readonly string[] {
    let low = 0;
    for (let high = this.#log.length; low < high;) {
      const middle = (low + high) >> 1;
      if (this.#log[middle]!.sequence <= position) low = middle + 1;
      else high = middle;
    }
    const names = new Set<string>();
    for (let i = low; i < this.#log.length; i++) names.add(this.#log[i]!.name);
    return [...names];
  }

  /** What a wildcard client at `position` lacks; 0 is a client that has nothing, for which removals are left out. */
  changesSince(position: number): EncodedChanges {
    const key = `${position}-${this.#sequence}`;
    const cached = this.#ranges.get(key);
    if (cached !== undefined) return cached;
    const changes =
      position === 0
        ? { upserts: [...this.#resources.values()], removals: [] }
        : this.#partition(this.namesSince(position));
    const encoded = encodeChanges(changes);
    this.#ranges.set(key, encoded);
    if (this.#ranges.size > CACHED_RANGES) this.#ranges.delete(this.#ranges.keys().next().value!);
    return encoded;
  }

  /** Bytes that are the same for every client with this version of the whole, made once. */
  encodedOnce(version: string, encode: () => Buffer): Buffer {
    let bytes = this.#wholes.get(version);
    if (bytes === undefined) {
      this.#wholes.set(version, (bytes = encode()));
      if (this.#wholes.size > CACHED_WHOLES) this.#wholes.delete(this.#wholes.keys().next().value!);
    }
    return bytes;
  }

  /** What a client that holds these versions lacks. */
  changesFor(versions: ReadonlyMap<string, string>): EncodedChanges {
    const upserts = [...this.#resources.values()].filter(({ name, version }) => versions.get(name) !== version);
    return encodeChanges({ upserts, removals: [...versions.keys()].filter((name) => !this.#resources.has(name)) });
  }

  /** Keeps one entry per name, and none for a removal that every client has passed. Call it with the oldest position in use. */
  compact(oldestPosition: number): void {
    if (this.#log.length <= this.#resources.size + LOG_SLACK) return;
    const last = new Map(this.#log.map(({ name, sequence }) => [name, sequence]));
    this.#log = this.#log.filter(
      ({ name, sequence }) => last.get(name) === sequence && (this.#resources.has(name) || sequence > oldestPosition),
    );
  }

  #partition(names: readonly string[]): ResourceChanges {
    const upserts: XdsResource[] = [];
    const removals: string[] = [];
    for (const name of names) {
      const resource = this.#resources.get(name);
      if (resource === undefined) removals.push(name);
      else upserts.push(resource);
    }
    return { upserts, removals };
  }

  #record(name: string): void {
    this.#sequence++;
    this.#log.push({ sequence: this.#sequence, name });
  }

  #unlink(resource: XdsResource): void {
    for (const key of keysOf(resource)) {
      const names = this.#byKey.get(key);
      names?.delete(resource.name);
      if (names?.size === 0) this.#byKey.delete(key);
    }
  }
}

function keysOf({ name, aliases, relatedTo }: XdsResource): readonly string[] {
  return [name, ...aliases, ...relatedTo];
}

/** One resource alone is not copied. */
export function encodeChanges({ upserts, removals }: ResourceChanges): EncodedChanges {
  const [only, ...others] = upserts;
  if (only !== undefined && others.length + removals.length === 0) return { upserts, removals, payload: fieldOf(only) };
  const writer = new BinaryWriter();
  for (const name of removals) writer.uint32(REMOVED_TAG).string(name);
  return { upserts, removals, payload: Buffer.concat([...upserts.map(fieldOf), writer.finish()]) };
}
