/**
 * Lets those who arrive in one turn of the event loop go on together, after the input of that turn was read. Work of one kind
 * then runs in a row with its code and tables in the processor's caches: signatures take two thirds of the time.
 */
export class EventLoopTurn {
  #next: Promise<void> | null = null;

  /** Resolves at the end of this turn. */
  next(): Promise<void> {
    return (this.#next ??= new Promise((resolve) => {
      setImmediate(() => {
        this.#next = null;
        resolve();
      });
    }));
  }
}
