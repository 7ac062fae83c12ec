/** Ready when every named task has finished. Tasks may become pending again (a lost connection). */
export class Readiness {
  readonly #pending = new Set<string>();

  constructor(tasks: readonly string[]) {
    for (const task of tasks) this.#pending.add(task);
  }

  done(task: string): void {
    this.#pending.delete(task);
  }

  pend(task: string): void {
    this.#pending.add(task);
  }

  /** Sorted names of what is still missing; empty means ready. */
  pending(): readonly string[] {
    return [...this.#pending].sort();
  }
}
