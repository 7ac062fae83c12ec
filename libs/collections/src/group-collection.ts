import type { CollectionEvent } from './collection.js';
import { CollectionIndex } from './collection-index.js';
import { CollectionNode, type Consumer, type Scheduler } from './collection-node.js';

/** The members that share a group key, by ascending key; never empty. */
export interface Group<T> {
  readonly key: string;
  readonly members: readonly T[];
}

/** One entry per group key. A value may belong to any number of groups. */
export class GroupCollection<T> extends CollectionNode<Group<T>> implements Consumer<T> {
  readonly #index: CollectionIndex<T>;
  #dirtyKeys = new Set<string>();

  constructor(
    scheduler: Scheduler,
    name: string,
    input: CollectionNode<T>,
    private readonly keysOf: (value: T) => Iterable<string>,
  ) {
    // Members are compared by identity: the input already suppressed equal values.
    super(
      scheduler,
      name,
      (a, b) => a.members.length === b.members.length && a.members.every((m, i) => m === b.members[i]),
    );
    this.#index = new CollectionIndex(name, input, keysOf);
    input.attach(this);
  }

  accept(events: readonly CollectionEvent<T>[]): void {
    for (const event of events) {
      if (event.kind !== 'added') for (const key of this.keysOf(event.oldValue)) this.#dirtyKeys.add(key);
      if (event.kind !== 'deleted') for (const key of this.keysOf(event.newValue)) this.#dirtyKeys.add(key);
    }
    this.markDirty();
  }

  override settle(): void {
    const dirty = this.#dirtyKeys;
    this.#dirtyKeys = new Set();
    this.commit([...dirty].map((key) => [key, this.#group(key)] as const));
  }

  #group(key: string): Group<T> | undefined {
    const members = this.#index.lookup(key);
    return members.length === 0 ? undefined : { key, members };
  }
}
