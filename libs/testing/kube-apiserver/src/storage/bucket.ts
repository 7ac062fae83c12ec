import type { KubeObject } from '../kube-object.js';
import { tooLargeResourceVersion, tooOldResourceVersion } from '../status-error.js';
import { Stored, type StoreEvent } from './stored.js';

type Listener = (event: StoreEvent) => void;

/** Orders like etcd keys: namespace, then name, by code unit. */
function byKey(a: Stored, b: Stored): number {
  if (a.namespace !== b.namespace) return a.namespace < b.namespace ? -1 : 1;
  return a.name < b.name ? -1 : a.name > b.name ? 1 : 0;
}

/**
 * All objects of one resource, the last events about them, and who watches. Reads of one namespace do not touch the others;
 * sorted lists are kept until the next change.
 */
export class Bucket {
  readonly #namespaces = new Map<string, Map<string, Stored>>();
  readonly #listeners = new Set<Listener>();
  readonly #sorted = new Map<string | undefined, readonly Stored[]>();
  #history: StoreEvent[] = [];
  /** Events up to this version are forgotten. */
  #floor: number;
  #size = 0;

  constructor(
    readonly key: string,
    floor: number,
    private readonly historyLimit: number,
  ) {
    this.#floor = floor;
  }

  get size(): number {
    return this.#size;
  }

  get watchers(): number {
    return this.#listeners.size;
  }

  get(namespace: string, name: string): Stored | undefined {
    return this.#namespaces.get(namespace)?.get(name);
  }

  /** Sorted by namespace and name. Undefined: all namespaces. */
  list(namespace?: string): readonly Stored[] {
    const known = this.#sorted.get(namespace);
    if (known !== undefined) return known;
    const found =
      namespace === undefined
        ? [...this.#namespaces.values()].flatMap((objects) => [...objects.values()])
        : [...(this.#namespaces.get(namespace)?.values() ?? [])];
    found.sort(byKey);
    this.#sorted.set(namespace, found);
    return found;
  }

  /** The list as it was at a version that history still reaches. */
  listAt(resourceVersion: number, current: number, namespace?: string): readonly Stored[] {
    if (resourceVersion > current) throw tooLargeResourceVersion(resourceVersion, current);
    if (resourceVersion < this.#floor) throw tooOldResourceVersion(resourceVersion, this.#floor);
    const then = new Map(this.list(namespace).map((stored) => [`${stored.namespace}/${stored.name}`, stored]));
    for (let i = this.#history.length - 1; i >= 0; i--) {
      const event = this.#history[i]!;
      if (event.resourceVersion <= resourceVersion) break;
      if (namespace !== undefined && event.stored.namespace !== namespace) continue;
      const key = `${event.stored.namespace}/${event.stored.name}`;
      if (event.previous === undefined) then.delete(key);
      else then.set(key, event.previous);
    }
    return [...then.values()].sort(byKey);
  }

  /** Events after a version, oldest first. Throws 410 when some of them are forgotten. */
  since(resourceVersion: number): readonly StoreEvent[] {
    if (resourceVersion < this.#floor) throw tooOldResourceVersion(resourceVersion, this.#floor);
    let low = 0;
    let high = this.#history.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#history[middle]!.resourceVersion <= resourceVersion) low = middle + 1;
      else high = middle;
    }
    return this.#history.slice(low);
  }

  /** Called for every event from now on, in order, before the writer's call returns. */
  watch(listener: Listener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Only the store calls this: it owns the version counter. */
  put(object: KubeObject, resourceVersion: number): StoreEvent {
    const stored = new Stored(object, resourceVersion);
    const previous = this.get(stored.namespace, stored.name);
    const objects = this.#namespaces.get(stored.namespace) ?? new Map<string, Stored>();
    this.#namespaces.set(stored.namespace, objects);
    objects.set(stored.name, stored);
    if (previous === undefined) this.#size++;
    return this.#emit(
      previous === undefined
        ? { type: 'ADDED', resourceVersion, stored }
        : { type: 'MODIFIED', resourceVersion, stored, previous },
    );
  }

  /** Puts back an object of an earlier run: no event, no history. Only the store calls this. */
  restore(object: KubeObject, resourceVersion: number): StoreEvent {
    const event = this.put(object, resourceVersion);
    this.#history = [];
    return event;
  }

  /** Only the store calls this. Undefined when there is nothing to remove. */
  remove(namespace: string, name: string, resourceVersion: number): StoreEvent | undefined {
    const objects = this.#namespaces.get(namespace);
    const previous = objects?.get(name);
    if (objects === undefined || previous === undefined) return undefined;
    objects.delete(name);
    if (objects.size === 0) this.#namespaces.delete(namespace);
    this.#size--;
    return this.#emit({ type: 'DELETED', resourceVersion, stored: previous.at(resourceVersion), previous });
  }

  #emit(event: StoreEvent): StoreEvent {
    this.#sorted.clear();
    this.#history.push(event);
    if (this.#history.length > this.historyLimit * 2) {
      const dropped = this.#history.length - this.historyLimit;
      this.#floor = this.#history[dropped - 1]!.resourceVersion;
      this.#history = this.#history.slice(dropped);
    }
    for (const listener of this.#listeners) listener(event);
    return event;
  }
}
