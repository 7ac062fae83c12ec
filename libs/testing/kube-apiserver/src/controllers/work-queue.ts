import { toError } from '@weft/result';
import type { Logger } from '@weft/runtime';

const FIRST_RETRY_MS = 50;
const MAX_RETRY_MS = 5000;

/**
 * Keys to work on, each once at a time; a key that fails comes back later and later. `add` may be called inside a write:
 * work starts in a later turn of the event loop.
 */
export class WorkQueue {
  readonly #waiting = new Set<string>();
  readonly #failures = new Map<string, number>();
  readonly #timers = new Set<NodeJS.Timeout>();
  #running = false;
  #stopped = false;
  #idle: (() => void)[] = [];

  constructor(
    private readonly name: string,
    private readonly work: (key: string) => Promise<void>,
    private readonly log: Logger,
  ) {}

  add(key: string): void {
    if (this.#stopped) return;
    this.#waiting.add(key);
    if (this.#running) return;
    this.#running = true;
    setImmediate(() => void this.#run());
  }

  addLater(key: string, delayMs: number): void {
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      this.add(key);
    }, delayMs).unref();
    this.#timers.add(timer);
  }

  /** Resolves when nothing is left that could be done now. */
  async settled(): Promise<void> {
    if (this.#running) await new Promise<void>((resolve) => this.#idle.push(resolve));
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#waiting.clear();
    for (const timer of this.#timers) clearTimeout(timer);
    await this.settled();
  }

  async #run(): Promise<void> {
    for (;;) {
      const [key] = this.#waiting;
      if (key === undefined) break;
      this.#waiting.delete(key);
      try {
        await this.work(key);
        this.#failures.delete(key);
      } catch (thrown) {
        this.#retry(key, thrown);
      }
    }
    this.#running = false;
    for (const resolve of this.#idle.splice(0)) resolve();
  }

  #retry(key: string, thrown: unknown): void {
    const failures = (this.#failures.get(key) ?? 0) + 1;
    this.#failures.set(key, failures);
    this.log.warn({ err: toError(thrown), controller: this.name, key, failures }, 'controller will try again');
    if (!this.#stopped) this.addLater(key, Math.min(MAX_RETRY_MS, FIRST_RETRY_MS * 2 ** failures));
  }
}
