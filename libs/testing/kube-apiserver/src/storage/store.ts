import { shallowCopy, type KubeObject } from '../kube-object.js';
import { Bucket } from './bucket.js';
import type { Stored, StoreEvent } from './stored.js';

export interface StoreChange extends StoreEvent {
  readonly bucket: Bucket;
}

/**
 * Objects of all resources under one version counter. Writes are synchronous and atomic; listeners run inside them, so a
 * listener must not write at once (controllers queue instead).
 */
export class Store {
  readonly #buckets = new Map<string, Bucket>();
  readonly #listeners = new Set<(change: StoreChange) => void>();
  #resourceVersion: number;

  /** `historyLimit`: events that every resource keeps at least for watchers that come back. */
  constructor(
    private readonly historyLimit: number,
    resourceVersion = 1,
  ) {
    this.#resourceVersion = resourceVersion;
  }

  get resourceVersion(): number {
    return this.#resourceVersion;
  }

  /** `key` is `plural.group`, or the plural alone in the core group; versions share it. */
  bucket(key: string): Bucket {
    let bucket = this.#buckets.get(key);
    if (bucket === undefined)
      this.#buckets.set(key, (bucket = new Bucket(key, this.#resourceVersion, this.historyLimit)));
    return bucket;
  }

  buckets(): Iterable<Bucket> {
    return this.#buckets.values();
  }

  /** Stores a new version. The object is taken over (its metadata gets the resourceVersion): do not change it afterwards. */
  put(bucket: Bucket, object: KubeObject): Stored {
    const resourceVersion = ++this.#resourceVersion;
    object.metadata.resourceVersion = String(resourceVersion);
    return this.#publish(bucket, bucket.put(object, resourceVersion)).stored;
  }

  /** The removed object under the version of its deletion. */
  remove(bucket: Bucket, namespace: string, name: string): Stored | undefined {
    if (bucket.get(namespace, name) === undefined) return undefined;
    const event = bucket.remove(namespace, name, ++this.#resourceVersion);
    return event === undefined ? undefined : this.#publish(bucket, event).stored;
  }

  /** Puts back an object of an earlier run under its old version. Only before anything is served. */
  restore(key: string, object: KubeObject): void {
    const resourceVersion = Number(object.metadata.resourceVersion ?? this.#resourceVersion);
    const bucket = this.bucket(key);
    this.#publish(bucket, bucket.restore(shallowCopy(object), resourceVersion));
  }

  /** Called after every change of any resource, in order. */
  onChange(listener: (change: StoreChange) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  #publish(bucket: Bucket, event: StoreEvent): StoreEvent {
    for (const listener of this.#listeners) listener({ ...event, bucket });
    return event;
  }
}
