/**
 * The connections of one worker that wait for a waypoint to be started. Nothing of them is read, so each costs no more than its
 * socket; they are bounded in number here, and in time by themselves.
 */
export class HeldConnections {
  readonly #byPod = new Map<string, Set<() => void>>();
  #count = 0;

  /** `onChange` is told the number whenever it is another one. */
  constructor(
    private readonly most: number,
    private readonly onChange: (count: number) => void,
  ) {}

  get count(): number {
    return this.#count;
  }

  /** Calls `wake` once when the pod's plans were cleared. Returns what leaves without that, or null when too many wait. */
  enter(podUid: string, wake: () => void): (() => void) | null {
    if (this.#count >= this.most) return null;
    const members = this.#byPod.get(podUid) ?? new Set();
    this.#byPod.set(podUid, members);
    members.add(wake);
    this.onChange(++this.#count);
    return () => {
      if (!members.delete(wake)) return;
      if (members.size === 0 && this.#byPod.get(podUid) === members) this.#byPod.delete(podUid);
      this.onChange(--this.#count);
    };
  }

  /** Of one pod, or of all. */
  wake(podUid?: string): void {
    const pods = podUid === undefined ? [...this.#byPod.keys()] : [podUid];
    for (const uid of pods) {
      const members = this.#byPod.get(uid);
      if (members === undefined) continue;
      this.#byPod.delete(uid);
      for (const wake of [...members]) {
        if (!members.delete(wake)) continue;
        this.onChange(--this.#count);
        wake();
      }
    }
  }
}
