/** One computation that must run again when something it fetched has changed. */
export interface Dependent {
  invalidate(): void;
}

/** Who fetched which key. */
export class DependencyTable {
  readonly #dependents = new Map<string, Set<Dependent>>();

  add(key: string, dependent: Dependent): void {
    let dependents = this.#dependents.get(key);
    if (dependents === undefined) this.#dependents.set(key, (dependents = new Set()));
    dependents.add(dependent);
  }

  remove(key: string, dependent: Dependent): void {
    const dependents = this.#dependents.get(key);
    if (dependents === undefined) return;
    dependents.delete(dependent);
    if (dependents.size === 0) this.#dependents.delete(key);
  }

  invalidate(key: string): void {
    const dependents = this.#dependents.get(key);
    if (dependents !== undefined) for (const dependent of dependents) dependent.invalidate();
  }
}
