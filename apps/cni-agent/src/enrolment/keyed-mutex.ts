/** Lets one task per key run at a time, in the order in which they came. */
export class KeyedMutex {
  readonly #tails = new Map<string, Promise<unknown>>();

  run<T>(key: string, task: () => Promise<T>): Promise<T> {
    const result = (this.#tails.get(key) ?? Promise.resolve()).then(task, task);
    this.#tails.set(key, result);
    const tidy = (): void => {
      if (this.#tails.get(key) === result) this.#tails.delete(key);
    };
    result.then(tidy, tidy);
    return result;
  }
}
