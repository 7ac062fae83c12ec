import type { Clock } from '@weft/result';
import type { Workload } from './state/workload.js';

/** How long a connection waits for the control plane to say what its pod is. */
export const CONNECTION_WAIT_MS = 5000;
export const UNKNOWN_LOCAL_WORKLOAD =
  'failed to fetch information about local workload: the control plane has not sent it within 5 s';

/** Gives a pod's workload at once, or as soon as the control plane sends it, or null when the wait is over. */
export class LocalWorkloadWait {
  readonly #waiting = new Map<string, Set<(workload: Workload | null) => void>>();

  constructor(
    private readonly clock: Clock,
    private readonly longestMs: number,
    private readonly find: (podUid: string) => Workload | null,
  ) {}

  take(podUid: string, then: (workload: Workload | null) => void): void {
    const workload = this.find(podUid);
    if (workload !== null) {
      then(workload);
      return;
    }
    const finish = (found: Workload | null): void => {
      cancel();
      waiting.delete(finish);
      if (waiting.size === 0 && this.#waiting.get(podUid) === waiting) this.#waiting.delete(podUid);
      then(found);
    };
    const waiting = this.#waiting.get(podUid) ?? new Set();
    this.#waiting.set(podUid, waiting);
    waiting.add(finish);
    const cancel = this.clock.after(this.longestMs, () => finish(null));
  }

  /** Answers those whose workload has come. */
  check(): void {
    for (const [podUid, waiting] of [...this.#waiting]) {
      const workload = this.find(podUid);
      if (workload !== null) for (const finish of [...waiting]) finish(workload);
    }
  }
}
