/** Several values under one key; a key without values does not exist. */
export class MultiMap<K, V> {
  readonly #entries = new Map<K, V[]>();

  get(key: K): readonly V[] {
    return this.#entries.get(key) ?? [];
  }

  add(key: K, value: V): void {
    const values = this.#entries.get(key);
    if (values === undefined) this.#entries.set(key, [value]);
    else values.push(value);
  }

  delete(key: K, value: V): void {
    const values = this.#entries.get(key);
    const index = values?.indexOf(value) ?? -1;
    if (values === undefined || index < 0) return;
    if (values.length === 1) this.#entries.delete(key);
    else values.splice(index, 1);
  }
}
