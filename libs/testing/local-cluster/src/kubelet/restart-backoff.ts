const FIRST_DELAY_MS = 10_000;
const LONGEST_DELAY_MS = 300_000;
/** A container that ran this long has proven itself. */
const RESET_AFTER_MS = 600_000;

/** The delays between restarts of one container: none, 10 s, 20 s, ... 300 s; none again after ten good minutes. */
export class RestartBackoff {
  #nextMs = 0;

  /** The delay before the next start of a container that ran for `ranMs`. */
  next(ranMs: number): number {
    if (ranMs >= RESET_AFTER_MS) this.#nextMs = 0;
    const delay = this.#nextMs;
    this.#nextMs = delay === 0 ? FIRST_DELAY_MS : Math.min(LONGEST_DELAY_MS, delay * 2);
    return delay;
  }
}

/** Whether a container that ended is started again. */
export function restarts(policy: string | undefined, exitCode: number): boolean {
  return policy === 'Never' ? false : policy === 'OnFailure' ? exitCode !== 0 : true;
}
