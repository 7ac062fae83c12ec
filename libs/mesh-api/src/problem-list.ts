import type { FieldProblem } from './field-problem.js';

const MAX_KEPT = 200;

/** The problems of one resource. Each is kept once, and so many that a person can read them; all errors count. */
export class ProblemList {
  readonly #kept = new Map<string, FieldProblem>();
  #errorCount = 0;
  #left = 0;

  get errorCount(): number {
    return this.#errorCount;
  }

  add(problem: FieldProblem): void {
    if (problem.severity === 'error') this.#errorCount++;
    const key = `${problem.field} ${problem.problem}`;
    if (this.#kept.has(key)) return;
    if (this.#kept.size < MAX_KEPT) this.#kept.set(key, problem);
    else this.#left++;
  }

  get all(): readonly FieldProblem[] {
    const kept = [...this.#kept.values()];
    if (this.#left === 0) return kept;
    const rest = `has ${this.#left} more problems`;
    return [...kept, { field: 'spec', problem: rest, cure: 'mend those above first', severity: 'error' }];
  }
}
