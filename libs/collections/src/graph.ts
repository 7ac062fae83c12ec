import type { Collection, Equality } from './collection.js';
import { CollectionIndex, type Order } from './collection-index.js';
import { CollectionNode, type Scheduler } from './collection-node.js';
import { DerivedCollection } from './derived-collection.js';
import type { FetchContext } from './fetch-context.js';
import { GroupCollection, type Group } from './group-collection.js';
import { Singleton, SourceCollection } from './source-collection.js';
import { structurallyEqual } from './structurally-equal.js';
import { UnionCollection } from './union-collection.js';

/** A transformation or an observer threw: a bug to report, not a reason to stop. */
export interface GraphFault {
  readonly collection: string;
  /** The input whose transformation threw; undefined for an observer. */
  readonly key: string | undefined;
  readonly thrown: unknown;
}

export interface DeriveOptions<O> {
  readonly equals?: Equality<O>;
}

export interface DeriveManyOptions<O> extends DeriveOptions<O> {
  readonly key: (output: O) => string;
}

/**
 * Owns collections and brings changes through them. A change settles every collection once, in dependency order, before
 * any observer hears of it; observers therefore never see a half-derived state. Single-threaded and synchronous.
 */
export class Graph {
  #nodes = 0;
  #depth = 0;
  #settling = false;
  #publishing = false;
  readonly #dirty = new Set<CollectionNode<never>>();
  readonly #changed = new Set<CollectionNode<never>>();
  readonly #scheduler: Scheduler;

  constructor(private readonly onFault: (fault: GraphFault) => void) {
    this.#scheduler = this.#makeScheduler();
  }

  source<T>(name: string, equals: Equality<T> = structurallyEqual): SourceCollection<T> {
    return new SourceCollection<T>(this.#scheduler, name, equals);
  }

  singleton<T>(name: string, initial?: T): Singleton<T> {
    const singleton = new Singleton(this.source<T>(name));
    if (initial !== undefined) singleton.set(initial);
    return singleton;
  }

  /** One to at most one, under the input's key. `undefined` leaves the input out. */
  derive<I, O>(
    name: string,
    input: Collection<I>,
    transform: (input: I, fetch: FetchContext, key: string) => O | undefined,
    { equals = structurallyEqual }: DeriveOptions<O> = {},
  ): Collection<O> {
    const many = (value: I, fetch: FetchContext, key: string): [string, O][] => {
      const output = transform(value, fetch, key);
      return output === undefined ? [] : [[key, output]];
    };
    return this.#settled(new DerivedCollection<I, O>(this.#scheduler, name, equals, nodeOf(input), many));
  }

  /** One to many; `key` names each output. */
  deriveMany<I, O>(
    name: string,
    input: Collection<I>,
    transform: (input: I, fetch: FetchContext, key: string) => Iterable<O>,
    { key, equals = structurallyEqual }: DeriveManyOptions<O>,
  ): Collection<O> {
    const many = (value: I, fetch: FetchContext, inputKey: string): [string, O][] =>
      Array.from(transform(value, fetch, inputKey), (output) => [key(output), output]);
    return this.#settled(new DerivedCollection<I, O>(this.#scheduler, name, equals, nodeOf(input), many));
  }

  filter<T>(name: string, input: Collection<T>, keep: (value: T, fetch: FetchContext) => boolean): Collection<T> {
    return this.derive<T, T>(name, input, (value, fetch) => (keep(value, fetch) ? value : undefined), {
      equals: Object.is,
    });
  }

  /** Pairs each left value with the right value of the same key, if there is one. */
  leftJoin<L, R, O>(
    name: string,
    left: Collection<L>,
    right: Collection<R>,
    join: (left: L, right: R | undefined) => O,
  ): Collection<O> {
    return this.derive(name, left, (value, fetch, key) => join(value, fetch.get(right, key)));
  }

  union<T>(name: string, inputs: readonly Collection<T>[]): Collection<T> {
    return this.#settled(new UnionCollection<T>(this.#scheduler, name, Object.is, inputs.map(nodeOf)));
  }

  group<T>(name: string, input: Collection<T>, keysOf: (value: T) => Iterable<string>): Collection<Group<T>> {
    return this.#settled(new GroupCollection<T>(this.#scheduler, name, nodeOf(input), keysOf));
  }

  index<T>(
    name: string,
    input: Collection<T>,
    keysOf: (value: T) => Iterable<string>,
    order?: Order<T>,
  ): CollectionIndex<T> {
    return new CollectionIndex(name, nodeOf(input), keysOf, order);
  }

  /** Runs `change`; everything it wrote propagates as one batch when it returns, also when it throws. Batches may nest. */
  batch(change: () => void): void {
    this.#depth++;
    try {
      change();
    } finally {
      this.#depth--;
      this.#propagate();
    }
  }

  #settled<T>(node: CollectionNode<T>): Collection<T> {
    this.#propagate();
    return node;
  }

  #makeScheduler(): Scheduler {
    const isSettling = (): boolean => this.#settling;
    return {
      get quiet() {
        return isSettling();
      },
      register: () => this.#nodes++,
      markDirty: (node) => {
        this.#dirty.add(node);
        if (!this.#settling) this.#propagate();
      },
      report: (collection, key, thrown) => this.onFault({ collection, key, thrown }),
    };
  }

  #propagate(): void {
    if (this.#depth > 0 || this.#settling || this.#publishing) return;
    while (this.#dirty.size > 0) {
      this.#settle();
      this.#publish();
    }
  }

  #settle(): void {
    this.#settling = true;
    try {
      for (let node = this.#first(); node !== undefined; node = this.#first()) {
        this.#dirty.delete(node);
        node.settle();
        this.#changed.add(node);
      }
    } finally {
      this.#settling = false;
    }
  }

  /** Observers may write sources; those writes settle after every observer of this round was told. */
  #publish(): void {
    this.#publishing = true;
    const changed = [...this.#changed].sort((a, b) => a.order - b.order);
    this.#changed.clear();
    for (const node of changed) node.publish();
    this.#publishing = false;
  }

  #first(): CollectionNode<never> | undefined {
    let first: CollectionNode<never> | undefined;
    for (const node of this.#dirty) if (first === undefined || node.order < first.order) first = node;
    return first;
  }
}

function nodeOf<T>(collection: Collection<T>): CollectionNode<T> {
  if (collection instanceof CollectionNode) return collection as CollectionNode<T>;
  throw new TypeError(`${collection.name} was not made by a Graph`);
}
