import type { CollectionEvent } from './collection.js';
import type { CollectionNode, Consumer } from './collection-node.js';
import { DependencyTable } from './dependency-table.js';

interface Bucket<T> {
  readonly members: Map<string, T>;
  /** Members by ascending key; null after a change. */
  sorted: readonly T[] | null;
}

/** The values of a collection found by other keys than their own. A value may stand under any number of index keys. */
export class CollectionIndex<T> implements Consumer<T> {
  readonly dependents = new DependencyTable();
  readonly #buckets = new Map<string, Bucket<T>>();

  constructor(
    readonly name: string,
    readonly node: CollectionNode<T>,
    private readonly keysOf: (value: T) => Iterable<string>,
  ) {
    node.attach(this);
  }

  /** By ascending key of the collection, so that the result does not depend on the order of arrival. */
  lookup(indexKey: string): readonly T[] {
    const bucket = this.#buckets.get(indexKey);
    if (bucket === undefined) return [];
    bucket.sorted ??= [...bucket.members].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, value]) => value);
    return bucket.sorted;
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
      if (bucket === undefined) this.#buckets.set(indexKey, (bucket = { members: new Map(), sorted: null }));
      bucket.members.set(key, value);
      bucket.sorted = null;
      touched.add(indexKey);
    }
  }

  #remove(key: string, value: T, touched: Set<string>): void {
    for (const indexKey of this.keysOf(value)) {
      const bucket = this.#buckets.get(indexKey);
      if (bucket === undefined) continue;
      bucket.members.delete(key);
      bucket.sorted = null;
      if (bucket.members.size === 0) this.#buckets.delete(indexKey);
      touched.add(indexKey);
    }
  }
}
