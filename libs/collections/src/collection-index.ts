import type { CollectionEvent } from './collection.js';
import type { CollectionNode, Consumer } from './collection-node.js';
import { DependencyTable } from './dependency-table.js';

interface Bucket<T> {
  readonly members: Map<string, T>;
  /** Members in order, as they were last asked for; null: never, or too much has changed since. */
  sorted: Sorted<T> | null;
  /** What came, changed or went since then. */
  readonly changed: Map<string, Change<T>>;
}
interface Sorted<T> {
  readonly keys: string[];
  readonly values: readonly T[];
}
interface Change<T> {
  /** As it stands in what is sorted; undefined if it does not. */
  readonly before: T | undefined;
}

/** More changes at a time are sorted anew. */
const SPLICED = 8;

/** Of two that are equal the one with the smaller key goes first. */
export type Order<T> = (a: T, b: T) => number;

/** The values of a collection found by other keys than their own. A value may stand under any number of index keys. */
export class CollectionIndex<T> implements Consumer<T> {
  readonly dependents = new DependencyTable();
  readonly #buckets = new Map<string, Bucket<T>>();

  constructor(
    readonly name: string,
    readonly node: CollectionNode<T>,
    private readonly keysOf: (value: T) => Iterable<string>,
    /** By ascending key of the collection without it. */
    private readonly order: Order<T> = () => 0,
  ) {
    node.attach(this);
  }

  /** In order, so that the result does not depend on the order of arrival. */
  lookup(indexKey: string): readonly T[] {
    const bucket = this.#buckets.get(indexKey);
    if (bucket === undefined) return [];
    const { sorted, changed } = bucket;
    if (sorted === null) bucket.sorted = this.#sort(bucket);
    else if (changed.size > 0) bucket.sorted = this.#splice(bucket, sorted);
    changed.clear();
    return bucket.sorted!.values;
  }

  indexKeys(): IterableIterator<string> {
    return this.#buckets.keys();
  }

  accept(events: readonly CollectionEvent<T>[]): void {
    const touched = new Set<string>();
    for (const event of events) {
      if (event.kind !== 'added') this.#remove(event.key, event.oldValue, touched);
      if (event.kind !== 'deleted') this.#insert(event.key, event.newValue, touched);
    }
    for (const indexKey of touched) this.dependents.invalidate(indexKey);
  }

  #insert(key: string, value: T, touched: Set<string>): void {
    for (const indexKey of this.keysOf(value)) {
      let bucket = this.#buckets.get(indexKey);
      if (bucket === undefined)
        this.#buckets.set(indexKey, (bucket = { members: new Map(), sorted: null, changed: new Map() }));
      note(bucket, key);
      bucket.members.set(key, value);
      touched.add(indexKey);
    }
  }

  #remove(key: string, value: T, touched: Set<string>): void {
    for (const indexKey of this.keysOf(value)) {
      const bucket = this.#buckets.get(indexKey);
      if (bucket === undefined) continue;
      note(bucket, key);
      bucket.members.delete(key);
      if (bucket.members.size === 0) this.#buckets.delete(indexKey);
      touched.add(indexKey);
    }
  }

  #sort({ members }: Bucket<T>): Sorted<T> {
    const entries = [...members].sort(([a, one], [b, other]) => this.#compare(a, one, b, other));
    return { keys: entries.map(([key]) => key), values: entries.map(([, value]) => value) };
  }

  /** A copy with the changes: who asked before keeps what it was given. */
  #splice({ members, changed }: Bucket<T>, sorted: Sorted<T>): Sorted<T> {
    const { keys } = sorted;
    const values = [...sorted.values];
    for (const [key, { before }] of changed) {
      if (before !== undefined) {
        const at = this.#placeOf(key, before, keys, values);
        keys.splice(at, 1);
        values.splice(at, 1);
      }
      const now = members.get(key);
      if (now === undefined) continue;
      const at = this.#placeOf(key, now, keys, values);
      keys.splice(at, 0, key);
      values.splice(at, 0, now);
    }
    return { keys, values };
  }

  /** Of the first that does not go before it. */
  #placeOf(key: string, value: T, keys: readonly string[], values: readonly T[]): number {
    let [low, high] = [0, keys.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#compare(keys[middle]!, values[middle]!, key, value) < 0) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  #compare(a: string, one: T, b: string, other: T): number {
    const compared = this.order(one, other);
    if (compared !== 0) return compared;
    return a === b ? 0 : a < b ? -1 : 1;
  }
}

/** Before the members change. */
function note<T>(bucket: Bucket<T>, key: string): void {
  const { members, changed } = bucket;
  if (bucket.sorted === null || changed.has(key)) return;
  if (changed.size < SPLICED) {
    changed.set(key, { before: members.get(key) });
    return;
  }
  bucket.sorted = null;
  changed.clear();
}
