/** Work that goes on in the next turn, so that one busy connection does not starve the others. */
export interface Task {
  /** The loop's: true while it waits for its turn. */
  planned: boolean;
  run(): void;
  onCrash(error: Error): void;
}

/** Output that is written once per turn, however many connections added to it. */
export interface Flushable {
  /** The loop's: true while it waits to be flushed. */
  dirty: boolean;
  flush(): void;
  onCrash(error: Error): void;
}

export interface Deadline {
  readonly atMs: number;
  readonly expire: () => void;
}

/**
 * What everything in a worker runs on, whichever engine it is. One turn: events, planned tasks, one flush of everything
 * dirty, deadlines, then what was asked for the end of the turn.
 */
export interface Loop {
  /** Milliseconds of a steady clock, read once per turn. */
  readonly nowMs: number;
  /** Is told every exception that was not expected; the loop goes on. */
  readonly report: (error: Error) => void;
  /** From now on the descriptor is this thread's, until `close`. */
  own(fd: number): void;
  /** No event of the descriptor comes any more, and it is closed in this turn. */
  close(fd: number): void;
  plan(task: Task): void;
  markDirty(output: Flushable): void;
  /** Calls `expire` once after `delayMs` (to about 100 ms), unless it is cancelled first. */
  deadline(delayMs: number, expire: () => void): Deadline;
  cancel(deadline: Deadline | null): void;
  /** Returns what undoes it. */
  everySecond(act: () => void): () => void;
  /** A turn begins at `atMs` at the latest. Holds for the next wait only. */
  wakeBy(atMs: number): void;
  /** Called at the end of every turn, after the flushes. */
  atTurnEnd(act: () => void): void;
  stop(): void;
}
