/** A secondary index of an informer: key -> the objects that have it, in no particular order. */
export class ObjectIndex<T> {
  readonly #byKey = new Map<string, Map<string, T>>();
  readonly #keys = new Map<string, readonly string[]>();

  constructor(private readonly keysOf: (object: T) => readonly string[]) {}

  get(key: string): readonly T[] {
    return [...(this.#byKey.get(key)?.values() ?? [])];
  }

  set(objectKey: string, object: T): void {
    this.delete(objectKey);
    const keys = this.keysOf(object);
    for (const key of keys) {
      let objects = this.#byKey.get(key);
      if (objects === undefined) this.#byKey.set(key, (objects = new Map<string, T>()));
      objects.set(objectKey, object);
    }
    if (keys.length > 0) this.#keys.set(objectKey, keys);
  }

  delete(objectKey: string): void {
    for (const key of this.#keys.get(objectKey) ?? []) {
      const objects = this.#byKey.get(key);
      objects?.delete(objectKey);
      if (objects?.size === 0) this.#byKey.delete(key);
    }
    this.#keys.delete(objectKey);
  }
}
