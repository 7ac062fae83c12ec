/** One change of one key. `oldValue` and `newValue` are never equal by the collection's equality. */
export type CollectionEvent<T> =
  | { readonly kind: 'added'; readonly key: string; readonly newValue: T }
  | { readonly kind: 'updated'; readonly key: string; readonly oldValue: T; readonly newValue: T }
  | { readonly kind: 'deleted'; readonly key: string; readonly oldValue: T };

/** Receives one batch: at most one event per key, keys in ascending order within the batch. */
export type Observer<T> = (events: readonly CollectionEvent<T>[]) => void;

export interface SubscribeOptions {
  /** Hand over the present contents as `added` events at once. Default true. */
  readonly replay?: boolean;
}

/** A keyed set of values that tells what changed. Values are immutable: replace them, never write into them. */
export interface Collection<T> {
  readonly name: string;
  readonly size: number;
  get(key: string): T | undefined;
  has(key: string): boolean;
  keys(): IterableIterator<string>;
  values(): IterableIterator<T>;
  entries(): IterableIterator<[string, T]>;
  /** Returns the function that ends the subscription. An observer that throws is reported and stays subscribed. */
  subscribe(observer: Observer<T>, options?: SubscribeOptions): () => void;
}

export type Equality<T> = (left: T, right: T) => boolean;
