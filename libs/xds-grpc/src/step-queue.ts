/** A job in steps; whatever it throws ends it and nothing else, so it should tell of it itself. */
export type Steps = Generator<undefined, void>;

/** Does jobs one after the other. Between two steps the event loop turns, so that a long job keeps nobody waiting. */
export class StepQueue {
  readonly #jobs: Steps[] = [];
  #running = false;
  #stopped = false;

  /** A job that nothing is before is begun at once. */
  add(job: Steps): void {
    if (this.#stopped) return;
    this.#jobs.push(job);
    if (!this.#running) this.#run();
  }

  /** What is not done is given up. */
  stop(): void {
    this.#stopped = true;
    this.#jobs.length = 0;
  }

  #run(): void {
    this.#running = true;
    for (;;) {
      const job = this.#jobs[0];
      if (job === undefined) break;
      if (isDone(job)) {
        if (this.#jobs[0] === job) this.#jobs.shift();
      } else {
        setImmediate(() => this.#run());
        return;
      }
    }
    this.#running = false;
  }
}

function isDone(job: Steps): boolean {
  return job.next().done === true;
}
