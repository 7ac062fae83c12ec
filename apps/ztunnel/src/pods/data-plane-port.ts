import type { ToWorker } from '../dataplane/messages.js';

/** What the slow path needs of the data plane. */
export interface DataPlanePort {
  /** To one worker, or to all. */
  send(message: ToWorker, workerIndex?: number): void;
  /** One per worker; see `ConnectionOpened.counterSlot`. */
  readonly counters: readonly Float64Array[];
  /** Everything that workers had to say is heard; bounded. */
  settle(): Promise<void>;
  /** What one worker does for a while, or allocates and keeps: a `.cpuprofile` or `.heapprofile`. Null: no such worker. */
  profile(workerIndex: number, kind: 'cpu' | 'heap', durationMs: number): Promise<string | null>;
}
