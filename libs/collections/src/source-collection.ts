import { CollectionNode } from './collection-node.js';

/**
 * A collection written from outside. Outside `graph.batch` each write propagates before it returns; inside, writes to a
 * key are merged and become visible to `get` when the batch ends.
 */
export class SourceCollection<T> extends CollectionNode<T> {
  #pending = new Map<string, T | undefined>();

  set(key: string, value: T): void {
    this.#write(key, value);
  }

  delete(key: string): void {
    this.#write(key, undefined);
  }

  /** Makes the contents exactly `entries`; what stays equal makes no event. */
  replaceAll(entries: ReadonlyMap<string, T>): void {
    const gone = [...this.keys(), ...this.#pending.keys()].filter((key) => !entries.has(key));
    for (const key of gone) this.#pending.set(key, undefined);
    for (const [key, value] of entries) this.#pending.set(key, value);
    this.markDirty();
  }

  override settle(): void {
    const pending = this.#pending;
    this.#pending = new Map();
    this.commit(pending);
  }

  #write(key: string, value: T | undefined): void {
    if (this.scheduler.quiet) throw new TypeError(`${this.name}: a transformation may not write a collection`);
    this.#pending.set(key, value);
    this.markDirty();
  }
}

const ONLY = '';

/** One value that transformations can fetch: mesh configuration, a root certificate. */
export class Singleton<T> {
  constructor(readonly collection: SourceCollection<T>) {}

  get(): T | undefined {
    return this.collection.get(ONLY);
  }

  set(value: T): void {
    this.collection.set(ONLY, value);
  }

  clear(): void {
    this.collection.delete(ONLY);
  }
}
