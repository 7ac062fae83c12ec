import type { Collection, CollectionEvent, Equality, Observer, SubscribeOptions } from './collection.js';
import { DependencyTable } from './dependency-table.js';

/** What a node needs of the graph that owns it. */
export interface Scheduler {
  readonly quiet: boolean;
  register(): number;
  markDirty(node: CollectionNode<never>): void;
  report(collection: string, key: string | undefined, thrown: unknown): void;
}

/** Something fed synchronously when a node changed: a derived collection, an index. */
export interface Consumer<T> {
  accept(events: readonly CollectionEvent<T>[]): void;
}

const ALL = '*';

/**
 * State, subscribers and dependents of one collection. Nodes settle in the order of their making, which is a topological
 * order because a node may only read nodes made before it.
 */
export abstract class CollectionNode<T> implements Collection<T> {
  readonly order: number;
  readonly byKey = new DependencyTable();
  readonly whole = new DependencyTable();
  readonly #state = new Map<string, T>();
  readonly #consumers: Consumer<T>[] = [];
  /** The number is how many unpublished events the observer already saw in its replay. */
  readonly #observers = new Map<Observer<T>, number>();
  #unpublished: CollectionEvent<T>[] = [];

  constructor(
    protected readonly scheduler: Scheduler,
    readonly name: string,
    protected readonly equals: Equality<T>,
  ) {
    this.order = scheduler.register();
  }

  /** Computes what changed since the last settling and emits it. */
  abstract settle(): void;

  get size(): number {
    return this.#state.size;
  }

  get(key: string): T | undefined {
    return this.#state.get(key);
  }

  has(key: string): boolean {
    return this.#state.has(key);
  }

  keys(): IterableIterator<string> {
    return this.#state.keys();
  }

  values(): IterableIterator<T> {
    return this.#state.values();
  }

  entries(): IterableIterator<[string, T]> {
    return this.#state.entries();
  }

  subscribe(listener: Observer<T>, { replay = true }: SubscribeOptions = {}): () => void {
    const observer: Observer<T> = (events) => listener(events);
    if (replay && this.#state.size > 0) {
      this.#deliver(
        observer,
        [...this.#state].sort(byFirst).map(([key, newValue]) => ({ kind: 'added', key, newValue })),
      );
    }
    this.#observers.set(observer, this.#unpublished.length);
    return () => {
      this.#observers.delete(observer);
    };
  }

  /** Feeds `consumer` the present contents and every later batch, before observers see it. */
  attach(consumer: Consumer<T>): void {
    this.#consumers.push(consumer);
    if (this.#state.size > 0)
      consumer.accept([...this.#state].map(([key, newValue]) => ({ kind: 'added', key, newValue })));
  }

  /** Tells observers what was committed; the graph calls it when every node has settled. */
  publish(): void {
    const events = this.#unpublished;
    this.#unpublished = [];
    if (events.length === 0) return;
    for (const [observer, seen] of [...this.#observers]) {
      this.#observers.set(observer, 0);
      if (seen < events.length) this.#deliver(observer, seen === 0 ? events : events.slice(seen));
    }
  }

  dependOnKey(key: string): [DependencyTable, string] {
    return [this.byKey, key];
  }

  dependOnAll(): [DependencyTable, string] {
    return [this.whole, ALL];
  }

  protected markDirty(): void {
    this.scheduler.markDirty(this as unknown as CollectionNode<never>);
  }

  /** Writes the new values of these keys (undefined deletes) and emits what really changed. */
  protected commit(changes: Iterable<readonly [string, T | undefined]>): void {
    const events: CollectionEvent<T>[] = [];
    for (const [key, newValue] of changes) {
      const event = this.#apply(key, newValue);
      if (event !== undefined) events.push(event);
    }
    if (events.length === 0) return;
    events.sort((a, b) => (a.key < b.key ? -1 : 1));
    for (const consumer of this.#consumers) consumer.accept(events);
    for (const { key } of events) this.byKey.invalidate(key);
    this.whole.invalidate(ALL);
    if (this.#observers.size > 0) this.#unpublished.push(...events);
  }

  #apply(key: string, newValue: T | undefined): CollectionEvent<T> | undefined {
    const oldValue = this.#state.get(key);
    if (newValue === undefined) {
      if (oldValue === undefined) return undefined;
      this.#state.delete(key);
      return { kind: 'deleted', key, oldValue };
    }
    if (oldValue === undefined) {
      this.#state.set(key, newValue);
      return { kind: 'added', key, newValue };
    }
    if (this.equals(oldValue, newValue)) return undefined;
    this.#state.set(key, newValue);
    return { kind: 'updated', key, oldValue, newValue };
  }

  #deliver(observer: Observer<T>, events: readonly CollectionEvent<T>[]): void {
    try {
      observer(events);
    } catch (thrown) {
      this.scheduler.report(this.name, undefined, thrown);
    }
  }
}

const byFirst = ([a]: readonly [string, unknown], [b]: readonly [string, unknown]): number => (a < b ? -1 : 1);
