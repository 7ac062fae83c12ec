/** Several values under one key; a key without values does not exist. Values must not be arrays: most keys have one, kept as it is. */
export class MultiMap<K, V extends object> {
  readonly #entries = new Map<K, V | V[]>();

  get(key: K): readonly V[] {
    const found = this.#entries.get(key);
    if (found === undefined) return [];
    return Array.isArray(found) ? found : [found];
  }

  add(key: K, value: V): void {
    const found = this.#entries.get(key);
    if (found === undefined) this.#entries.set(key, value);
    else if (Array.isArray(found)) found.push(value);
    else this.#entries.set(key, [found, value]);
  }

  delete(key: K, value: V): void {
    const found = this.#entries.get(key);
    if (!Array.isArray(found)) {
      if (found === value) this.#entries.delete(key);
      return;
    }
    const index = found.indexOf(value);
    if (index < 0) return;
    if (found.length === 1) this.#entries.delete(key);
    else found.splice(index, 1);
  }
}
