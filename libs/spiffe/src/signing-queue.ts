/** Lower runs first: a connection waits; soon to be needed; a renewal with time left. */
export type Priority = 0 | 1 | 2;

interface Job {
  priority: Priority;
  readonly key: string;
  readonly run: () => Promise<void>;
}

/** Runs at most `concurrency` jobs at a time, the most urgent first; a job that waits can be promoted. */
export class SigningQueue {
  readonly #waiting: Job[] = [];
  #running = 0;

  constructor(private readonly concurrency: number) {}

  push(key: string, priority: Priority, run: () => Promise<void>): void {
    this.#waiting.push({ key, priority, run });
    this.#next();
  }

  promote(key: string, priority: Priority): void {
    for (const job of this.#waiting) if (job.key === key && job.priority > priority) job.priority = priority;
  }

  #next(): void {
    while (this.#running < this.concurrency && this.#waiting.length > 0) {
      let best = 0;
      for (let i = 1; i < this.#waiting.length; i++)
        if (this.#waiting[i]!.priority < this.#waiting[best]!.priority) best = i;
      const [job] = this.#waiting.splice(best, 1);
      this.#running++;
      void job!.run().finally(() => {
        this.#running--;
        this.#next();
      });
    }
  }
}
