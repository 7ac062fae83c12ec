import type { Deadline, Loop } from './loop.js';

interface Waiter<A> {
  readonly done: (answer: A | null) => void;
  readonly deadline: Deadline;
}

interface Question<A> {
  readonly key: string;
  readonly waiters: Set<Waiter<A>>;
}

/** Numbers the questions of a worker and brings answers back to whoever asked. */
export class Requests {
  #nextId: number;
  readonly #open = new Map<number, (answer: unknown) => void>();

  /** @param firstId different in each life of a worker: an answer to a dead one must not be taken for one to its successor. */
  constructor(firstId: number) {
    this.#nextId = firstId;
  }

  register(onAnswer: (answer: unknown) => void): number {
    const id = this.#nextId++;
    this.#open.set(id, onAnswer);
    return id;
  }

  forget(id: number): void {
    this.#open.delete(id);
  }

  /** An answer nobody waits for any more is dropped. */
  answer(id: number, answer: unknown): void {
    const onAnswer = this.#open.get(id);
    this.#open.delete(id);
    onAnswer?.(answer);
  }
}

/**
 * What the main thread answered, by question. One question is asked once however many connections wait for it; each of
 * them waits until its own deadline. Bounded: the oldest answer is forgotten first.
 */
export class AnswerCache<A> {
  readonly #answers = new Map<string, A>();
  readonly #asked = new Map<string, Question<A>>();
  readonly #requestIds = new Set<number>();

  constructor(
    private readonly loop: Loop,
    private readonly requests: Requests,
    private readonly options: { readonly timeoutMs: number; readonly entries: number },
  ) {}

  /**
   * Calls `done` with the answer, at once if it is known, or with null when none came in time. `ask` sends the question
   * under the given id. Returns what takes the interest back, or null when `done` was called already.
   */
  get(key: string, ask: (requestId: number) => void, done: (answer: A | null) => void): (() => void) | null {
    const known = this.#answers.get(key);
    if (known !== undefined) {
      done(known);
      return null;
    }
    let question = this.#asked.get(key);
    if (question === undefined) {
      question = { key, waiters: new Set() };
      this.#asked.set(key, question);
      this.#send(question, ask);
    }
    return this.#wait(question, done);
  }

  /** Forgets all answers. Questions on their way are answered from the state after this. */
  clear(): void {
    this.#answers.clear();
  }

  /** Nobody waits any more. */
  close(): void {
    for (const id of this.#requestIds) this.requests.forget(id);
    for (const { waiters } of this.#asked.values()) for (const { deadline } of waiters) this.loop.cancel(deadline);
    this.#asked.clear();
    this.#answers.clear();
  }

  #send(question: Question<A>, ask: (requestId: number) => void): void {
    const id = this.requests.register((answer) => {
      this.#requestIds.delete(id);
      this.#answered(question, answer as A);
    });
    this.#requestIds.add(id);
    ask(id);
  }

  #wait(question: Question<A>, done: (answer: A | null) => void): () => void {
    const waiter: Waiter<A> = {
      done,
      deadline: this.loop.deadline(this.options.timeoutMs, () => {
        question.waiters.delete(waiter);
        // An answer lost on its way must not be waited for again and again.
        if (question.waiters.size === 0) this.#asked.delete(question.key);
        done(null);
      }),
    };
    question.waiters.add(waiter);
    return () => {
      question.waiters.delete(waiter);
      this.loop.cancel(waiter.deadline);
    };
  }

  #answered(question: Question<A>, answer: A): void {
    if (this.#asked.get(question.key) === question) this.#asked.delete(question.key);
    if (this.#answers.size >= this.options.entries) {
      const oldest = this.#answers.keys().next();
      if (oldest.done !== true) this.#answers.delete(oldest.value);
    }
    this.#answers.set(question.key, answer);
    for (const { done, deadline } of [...question.waiters]) {
      this.loop.cancel(deadline);
      done(answer);
    }
    question.waiters.clear();
  }
}
