import type { CollectionEvent, Equality } from './collection.js';
import { CollectionNode, type Consumer, type Scheduler } from './collection-node.js';

/** All entries of several collections. A key that several have: the first collection in the list wins. */
export class UnionCollection<T> extends CollectionNode<T> implements Consumer<T> {
  #dirtyKeys = new Set<string>();

  constructor(
    scheduler: Scheduler,
    name: string,
    equals: Equality<T>,
    private readonly inputs: readonly CollectionNode<T>[],
  ) {
    super(scheduler, name, equals);
    for (const input of inputs) input.attach(this);
  }

  accept(events: readonly CollectionEvent<T>[]): void {
    for (const { key } of events) this.#dirtyKeys.add(key);
    this.markDirty();
  }

  override settle(): void {
    const dirty = this.#dirtyKeys;
    this.#dirtyKeys = new Set();
    this.commit([...dirty].map((key) => [key, this.#winner(key)] as const));
  }

  #winner(key: string): T | undefined {
    for (const input of this.inputs) {
      const value = input.get(key);
      if (value !== undefined) return value;
    }
    return undefined;
  }
}
