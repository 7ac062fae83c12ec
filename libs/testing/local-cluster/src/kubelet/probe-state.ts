export interface ProbeThresholds {
  readonly successThreshold: number;
  readonly failureThreshold: number;
}

export type ProbeVerdict = 'success' | 'failure';

/** Counts the outcomes of a probe: the verdict changes after so many equal outcomes in a row. Null until the first verdict. */
export class ProbeState {
  #verdict: ProbeVerdict | null = null;
  #last: ProbeVerdict | null = null;
  #run = 0;

  constructor(private readonly thresholds: ProbeThresholds) {}

  get verdict(): ProbeVerdict | null {
    return this.#verdict;
  }

  /** Takes one outcome; says whether the verdict changed by it. */
  record(outcome: ProbeVerdict): boolean {
    this.#run = outcome === this.#last ? this.#run + 1 : 1;
    this.#last = outcome;
    const needed = outcome === 'success' ? this.thresholds.successThreshold : this.thresholds.failureThreshold;
    if (this.#run < needed || this.#verdict === outcome) return false;
    this.#verdict = outcome;
    return true;
  }
}
