import { Backoff, toError } from '@weft/result';
import type { Service } from '@weft/runtime';
import { isConflict } from './errors.js';
import { SILENT, type KubeLog } from './kube-log.js';

export interface WorkQueueOptions {
  readonly name: string;
  /** Brings the thing named by `key` to where it should be. A rejection is retried with back-off. */
  readonly handle: (key: string, signal: AbortSignal) => Promise<{ readonly requeueAfterMs: number } | undefined>;
  /** Default 1. */
  readonly concurrency?: number;
  readonly initialBackoffMs?: number;
  readonly maxBackoffMs?: number;
  readonly log?: KubeLog;
  readonly random?: () => number;
}

/**
 * Level-triggered work by key.
 *
 * A key is handled by at most one worker at a time; a key added while it is handled is handled once more afterwards, however
 * often it was added; different keys go in order of arrival, `concurrency` at a time. A failed key comes back after an
 * exponential back-off of its own (50 ms to 60 s) without holding up the others.
 */
export class WorkQueue implements Service {
  readonly name: string;
  readonly #waiting = new Set<string>();
  readonly #running = new Set<string>();
  /** Added while running. */
  readonly #again = new Set<string>();
  readonly #timers = new Map<string, { timer: NodeJS.Timeout; atMs: number }>();
  readonly #backoffs = new Map<string, Backoff>();
  readonly #abort = new AbortController();
  readonly #log: KubeLog;
  readonly #tasks = new Set<Promise<void>>();
  #idleWaiters: (() => void)[] = [];
  #started = false;

  constructor(private readonly options: WorkQueueOptions) {
    this.name = options.name;
    this.#log = options.log ?? SILENT;
  }

  /** Keys added earlier wait until now. */
  start(): Promise<void> {
    this.#started = true;
    this.#pump();
    return Promise.resolve();
  }

  /** Drops what waits, tells running handlers by their signal, and waits for them until `hard`. */
  async stop(hard: AbortSignal = AbortSignal.timeout(10_000)): Promise<void> {
    this.#abort.abort();
    this.#waiting.clear();
    this.#again.clear();
    for (const { timer } of this.#timers.values()) clearTimeout(timer);
    this.#timers.clear();
    if (hard.aborted) return;
    const cut = new Promise<void>((resolve) => hard.addEventListener('abort', () => resolve(), { once: true }));
    await Promise.race([Promise.all(this.#tasks), cut]);
  }

  add(key: string): void {
    if (this.#abort.signal.aborted) return;
    this.#cancelTimer(key);
    if (this.#running.has(key)) this.#again.add(key);
    else this.#waiting.add(key);
    this.#pump();
  }

  /** In `delayMs`; an earlier date for the same key wins, and a key that waits already is handled soon enough. */
  addAfter(key: string, delayMs: number): void {
    if (this.#abort.signal.aborted || this.#waiting.has(key)) return;
    const atMs = Date.now() + delayMs;
    const pending = this.#timers.get(key);
    if (pending !== undefined && pending.atMs <= atMs) return;
    this.#cancelTimer(key);
    const timer = setTimeout(
      () => {
        this.#timers.delete(key);
        this.add(key);
      },
      Math.min(delayMs, 0x7fffffff),
    );
    this.#timers.set(key, { timer, atMs });
  }

  /** Keys that wait or run, without those that are due later. */
  get depth(): number {
    return this.#waiting.size + this.#running.size;
  }

  /** Resolves when nothing waits or runs (delayed keys do not count). */
  idle(): Promise<void> {
    return this.depth === 0 ? Promise.resolve() : new Promise((resolve) => this.#idleWaiters.push(resolve));
  }

  #pump(): void {
    if (!this.#started) return;
    for (const key of this.#waiting) {
      if (this.#running.size >= (this.options.concurrency ?? 1)) return;
      this.#waiting.delete(key);
      this.#running.add(key);
      const task = this.#run(key).finally(() => this.#tasks.delete(task));
      this.#tasks.add(task);
    }
  }

  async #run(key: string): Promise<void> {
    try {
      const outcome = await this.options.handle(key, this.#abort.signal);
      this.#backoffs.delete(key);
      if (outcome !== undefined) this.addAfter(key, outcome.requeueAfterMs);
    } catch (thrown) {
      this.#failed(key, thrown);
    }
    this.#running.delete(key);
    if (this.#again.delete(key)) this.#waiting.add(key);
    this.#pump();
    if (this.depth === 0) for (const resolve of this.#idleWaiters.splice(0)) resolve();
  }

  #failed(key: string, thrown: unknown): void {
    if (this.#abort.signal.aborted) return;
    const { initialBackoffMs = 50, maxBackoffMs = 60_000, random } = this.options;
    let backoff = this.#backoffs.get(key);
    if (backoff === undefined) {
      backoff = new Backoff({ initialMs: initialBackoffMs, maxMs: maxBackoffMs }, random ?? Math.random);
      this.#backoffs.set(key, backoff);
    }
    const retryInMs = Math.round(backoff.next());
    const level = isConflict(thrown) ? 'debug' : 'warn';
    this.#log[level]({ queue: this.name, key, retryInMs, err: toError(thrown).message }, 'work failed; trying again');
    this.addAfter(key, retryInMs);
  }

  #cancelTimer(key: string): void {
    const pending = this.#timers.get(key);
    if (pending === undefined) return;
    clearTimeout(pending.timer);
    this.#timers.delete(key);
  }
}
