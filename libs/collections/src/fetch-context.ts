import type { Collection } from './collection.js';
import type { CollectionIndex } from './collection-index.js';
import { CollectionNode } from './collection-node.js';
import type { DependencyTable } from './dependency-table.js';
import type { Singleton } from './source-collection.js';

/**
 * How a transformation reads what is not its input. Everything read here is remembered: the transformation runs again
 * when, and only when, one of these entries changes. Valid only during the call that received it.
 */
export interface FetchContext {
  get<T>(collection: Collection<T>, key: string): T | undefined;
  lookup<T>(index: CollectionIndex<T>, indexKey: string): readonly T[];
  one<T>(singleton: Singleton<T>): T | undefined;
  /** The whole collection, by ascending key. Any change of it runs the transformation again: use it on small ones only. */
  all<T>(collection: Collection<T>): readonly T[];
}

export type Dependency = readonly [table: DependencyTable, key: string];

/** Records what one run of a transformation fetched. */
export class RecordingContext implements FetchContext {
  readonly dependencies: Dependency[] = [];

  constructor(
    private readonly reader: string,
    private readonly readerOrder: number,
  ) {}

  get<T>(collection: Collection<T>, key: string): T | undefined {
    this.dependencies.push(this.#node(collection).dependOnKey(key));
    return collection.get(key);
  }

  lookup<T>(index: CollectionIndex<T>, indexKey: string): readonly T[] {
    this.#node(index.node);
    this.dependencies.push([index.dependents, indexKey]);
    return index.lookup(indexKey);
  }

  one<T>(singleton: Singleton<T>): T | undefined {
    return this.get(singleton.collection, '');
  }

  all<T>(collection: Collection<T>): readonly T[] {
    this.dependencies.push(this.#node(collection).dependOnAll());
    return [...collection.entries()].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, value]) => value);
  }

  #node<T>(collection: Collection<T>): CollectionNode<T> {
    if (collection instanceof CollectionNode && collection.order < this.readerOrder)
      return collection as CollectionNode<T>;
    throw new TypeError(
      `${this.reader} fetches ${collection.name}, which must be a collection of the same graph made before it`,
    );
  }
}
