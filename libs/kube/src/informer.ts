import { toError } from '@weft/result';
import type { Service } from '@weft/runtime';
import type { KubeLog } from './kube-log.js';
import { ObjectIndex } from './object-index.js';
import type { Reflector, ReflectorSink } from './reflector.js';
import { keyOf, objectKey, type KubeObject } from './resource-type.js';

/** What a subscriber wants to hear. Called synchronously, in order; an exception is logged and hurts nobody else. */
export interface InformerHandler<T> {
  added?(object: T): void;
  updated?(object: T, old: T): void;
  deleted?(object: T): void;
}

export interface InformerOptions<T> {
  /** Applied to each object before it is kept, for example to drop what takes memory. */
  readonly transform?: (object: T) => T;
}

/**
 * A local copy of a collection with change notifications.
 *
 * Promises: each change is reported once (an object that comes again with the same resourceVersion is not a change, and there
 * is no periodic resync); `deleted` is reported only for objects that the server says are gone, also across restarts of the
 * server; an object that was deleted and created anew while nobody looked is reported as deleted, then added. The objects are
 * shared: never change one, copy it.
 *
 * `start` does not wait for the first list, so that a process can start while the API server is away: wait for `synced`.
 */
export class Informer<T extends KubeObject> implements Service, ReflectorSink<T> {
  /** Resolves after the first list was delivered to the handlers; stays pending if it never is. */
  readonly synced: Promise<void>;
  readonly #objects = new Map<string, T>();
  readonly #handlers = new Set<InformerHandler<T>>();
  readonly #indexes: ObjectIndex<T>[] = [];
  readonly #reflector: Reflector<T>;
  readonly #abort = new AbortController();
  #markSynced!: () => void;
  #hasSynced = false;
  #running: Promise<void> | null = null;
  #list: readonly T[] | null = null;

  constructor(
    readonly name: string,
    private readonly log: KubeLog,
    private readonly options: InformerOptions<T>,
    reflector: (sink: ReflectorSink<T>) => Reflector<T>,
  ) {
    this.synced = new Promise((resolve) => (this.#markSynced = resolve));
    this.#reflector = reflector(this);
  }

  get hasSynced(): boolean {
    return this.#hasSynced;
  }

  start(): Promise<void> {
    this.#running ??= this.#reflector.run(this.#abort.signal);
    return Promise.resolve();
  }

  async stop(): Promise<void> {
    this.#abort.abort();
    await this.#running;
  }

  get(namespace: string | undefined, name: string): T | undefined {
    return this.#objects.get(keyOf(namespace, name));
  }

  list(): readonly T[] {
    return (this.#list ??= [...this.#objects.values()]);
  }

  /** Objects by a derived key, for example by owner; made once, kept current, cheap to ask. */
  index(keysOf: (object: T) => readonly string[]): ObjectIndex<T> {
    const index = new ObjectIndex(keysOf);
    for (const [key, object] of this.#objects) index.set(key, object);
    this.#indexes.push(index);
    return index;
  }

  /** Replays what exists as `added`, then reports changes until the returned function is called. */
  on(handler: InformerHandler<T>): () => void {
    this.#handlers.add(handler);
    for (const object of [...this.#objects.values()]) this.#call(() => handler.added?.(object));
    return () => this.#handlers.delete(handler);
  }

  replace(items: readonly T[]): void {
    const present = new Set(items.map((item) => objectKey(item)));
    for (const [key, object] of [...this.#objects]) if (!present.has(key)) this.#remove(key, object);
    for (const item of items) this.changed(item);
    this.#hasSynced = true;
    this.#markSynced();
  }

  changed(received: T): void {
    const key = objectKey(received);
    let old = this.#objects.get(key);
    if (
      old?.metadata?.resourceVersion !== undefined &&
      old.metadata.resourceVersion === received.metadata?.resourceVersion
    )
      return;
    if (old !== undefined && old.metadata?.uid !== received.metadata?.uid) {
      this.#remove(key, old);
      old = undefined;
    }
    const object = this.options.transform === undefined ? received : this.options.transform(received);
    this.#put(key, object);
    const before = old;
    this.#tell((handler) => (before === undefined ? handler.added?.(object) : handler.updated?.(object, before)));
  }

  deleted(last: T): void {
    const key = objectKey(last);
    if (this.#objects.has(key))
      this.#remove(key, this.options.transform === undefined ? last : this.options.transform(last));
  }

  #put(key: string, object: T): void {
    this.#objects.set(key, object);
    this.#list = null;
    for (const index of this.#indexes) index.set(key, object);
  }

  #remove(key: string, last: T): void {
    this.#objects.delete(key);
    this.#list = null;
    for (const index of this.#indexes) index.delete(key);
    this.#tell((handler) => handler.deleted?.(last));
  }

  #tell(call: (handler: InformerHandler<T>) => void): void {
    for (const handler of [...this.#handlers]) this.#call(() => call(handler));
  }

  #call(run: () => void): void {
    try {
      run();
    } catch (thrown) {
      this.log.error({ informer: this.name, err: toError(thrown).stack }, 'a handler of the informer threw');
    }
  }
}
