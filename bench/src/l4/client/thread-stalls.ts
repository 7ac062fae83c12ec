import { closeSync, openSync, readSync } from 'node:fs';

const LINE_BYTES = 64;

/**
 * The most CPU time that one of several threads spent between two looks: what it did while one request was under way. Whoever
 * else has the cores, it says how long the thread was busy with something else than the request.
 */
export class ThreadStalls {
  readonly #files: readonly number[];
  readonly #seen: Float64Array;
  readonly #line = Buffer.alloc(LINE_BYTES);
  #longestNs = 0;

  /** `threads`: `<pid>/task/<tid>` each. Throws where the kernel keeps no schedstat. */
  constructor(threads: readonly string[]) {
    this.#files = threads.map((thread) => openSync(`/proc/${thread}/schedstat`, 'r'));
    this.#seen = new Float64Array(threads.length);
    this.reset();
  }

  get longestUs(): number {
    return this.#longestNs / 1000;
  }

  /** Begins anew. */
  reset(): void {
    this.#files.forEach((file, i) => (this.#seen[i] = this.#cpuNs(file)));
    this.#longestNs = 0;
  }

  look(): void {
    for (let i = 0; i < this.#files.length; i++) {
      const now = this.#cpuNs(this.#files[i]!);
      this.#longestNs = Math.max(this.#longestNs, now - this.#seen[i]!);
      this.#seen[i] = now;
    }
  }

  close(): void {
    for (const file of this.#files) closeSync(file);
  }

  /** The first number of the line, without a string for each look. */
  #cpuNs(file: number): number {
    const length = readSync(file, this.#line, 0, LINE_BYTES, 0);
    let value = 0;
    for (let i = 0; i < length; i++) {
      const digit = this.#line[i]! - 48;
      if (digit < 0 || digit > 9) break;
      value = value * 10 + digit;
    }
    return value;
  }
}
