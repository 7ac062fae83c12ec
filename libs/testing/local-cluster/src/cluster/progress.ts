/** The steps of a start, for those who watch it. */
export class Progress {
  readonly #steps: string[] = [];
  readonly #watchers = new Set<{ onStep: (step: string) => void; done: (failure: string | null) => void }>();
  #outcome: { readonly failure: string | null } | null = null;

  get phase(): 'starting' | 'ready' | 'failed' {
    return this.#outcome === null ? 'starting' : this.#outcome.failure === null ? 'ready' : 'failed';
  }

  get current(): string {
    return this.#steps.at(-1) ?? 'starting';
  }

  step(text: string): void {
    this.#steps.push(text);
    for (const { onStep } of this.#watchers) onStep(text);
  }

  finish(failure: string | null): void {
    this.#outcome = { failure };
    for (const { done } of this.#watchers) done(failure);
    this.#watchers.clear();
  }

  watch(onStep: (step: string) => void, done: (failure: string | null) => void): void {
    for (const step of this.#steps) onStep(step);
    if (this.#outcome !== null) done(this.#outcome.failure);
    else this.#watchers.add({ onStep, done });
  }
}
