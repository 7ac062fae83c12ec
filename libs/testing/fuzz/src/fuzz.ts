import { garbageCollector } from '@weft/runtime';
import type { FuzzTarget } from './fuzz-target.js';
import { mutate } from './mutate.js';
import { Random } from './random.js';

export interface FuzzOptions {
  readonly corpus: readonly Buffer[];
  readonly seed: number;
  /** Ends when either is reached. */
  readonly executions: number;
  readonly milliseconds: number;
  /** Inputs that promised more, to be kept. */
  readonly onNovelty?: (input: Buffer, outcome: string) => void;
}

export interface FuzzFinding {
  readonly input: Buffer;
  readonly problem: string;
}

export interface FuzzReport {
  readonly target: string;
  readonly executions: number;
  readonly seconds: number;
  /** Different outcomes seen. */
  readonly outcomes: number;
  readonly slowestMs: number;
  /** Live heap at the end, over that after the first tenth of the run; the inputs themselves are left out. */
  readonly heapGrowthBytes: number;
  readonly findings: readonly FuzzFinding[];
}

const MOST_POOLED = 2048;
const MOST_FINDINGS = 10;
/** One input may not cost more; a machine that is busy with other things is given a second chance. */
const SLOW_MS = 1000;
const CLOCK_EVERY = 64;
/** More than a run can leave behind by chance. */
const HEAP_GROWTH_BYTES = 48 * 1024 * 1024;

/**
 * Mutates inputs and watches what the parser makes of them. There is no coverage feedback: what guides it are outcomes
 * (see `FuzzTarget.run`).
 */
export function fuzz(target: FuzzTarget, options: FuzzOptions): FuzzReport {
  return new Fuzzing(target, options).run();
}

class Fuzzing {
  readonly #random: Random;
  readonly #pool: Buffer[];
  readonly #outcomes = new Set<string>();
  readonly #findings: FuzzFinding[] = [];
  readonly #collect = garbageCollector();
  #executions = 0;
  #pooledBytes = 0;
  #slowestMs = 0;

  constructor(
    private readonly target: FuzzTarget,
    private readonly options: FuzzOptions,
  ) {
    this.#random = new Random(options.seed);
    this.#pool = [...target.seeds(), ...options.corpus];
  }

  run(): FuzzReport {
    const { target, options } = this;
    const startMs = performance.now();
    for (const input of [...this.#pool]) this.#try(input);
    let heapBytes = 0;
    let elapsedMs = 0;
    const fraction = (): number => Math.max(elapsedMs / options.milliseconds, this.#executions / options.executions);
    for (; fraction() < 1 && this.#findings.length < MOST_FINDINGS; elapsedMs = performance.now() - startMs) {
      for (let i = 0; i < CLOCK_EVERY; i++) this.#try(this.#next());
      if (heapBytes === 0 && fraction() > 0.1) heapBytes = this.#heapBytes();
    }
    const heapGrowthBytes = this.#heapBytes() - heapBytes;
    if (heapGrowthBytes > HEAP_GROWTH_BYTES) {
      this.#findings.push({ input: Buffer.alloc(0), problem: `the heap grew by ${heapGrowthBytes} bytes` });
    }
    return {
      target: target.name,
      executions: this.#executions,
      seconds: elapsedMs / 1000,
      outcomes: this.#outcomes.size,
      slowestMs: this.#slowestMs,
      heapGrowthBytes,
      findings: this.#findings,
    };
  }

  #next(): Buffer {
    const { words, maxBytes } = this.target;
    return mutate(this.#random.pick(this.#pool), this.#random, { pool: this.#pool, words, maxBytes });
  }

  #try(input: Buffer): void {
    this.#executions++;
    const startMs = performance.now();
    try {
      const outcome = this.target.run(input);
      this.#learn(input, outcome);
    } catch (thrown) {
      const problem = thrown instanceof Error ? (thrown.stack ?? thrown.message) : String(thrown);
      this.#findings.push({ input: Buffer.from(input), problem });
      return;
    }
    const tookMs = performance.now() - startMs;
    if (tookMs > SLOW_MS && this.#again(input) > SLOW_MS) {
      this.#findings.push({ input: Buffer.from(input), problem: `took ${Math.round(tookMs)} ms` });
    }
    this.#slowestMs = Math.max(this.#slowestMs, tookMs);
  }

  #again(input: Buffer): number {
    const startMs = performance.now();
    this.target.run(input);
    return performance.now() - startMs;
  }

  #learn(input: Buffer, outcome: string): void {
    if (this.#outcomes.has(outcome) || this.#outcomes.size >= MOST_POOLED) return;
    this.#outcomes.add(outcome);
    this.#pool.push(own(input));
    this.#pooledBytes += input.length;
    this.options.onNovelty?.(input, outcome);
  }

  #heapBytes(): number {
    this.#collect();
    const { heapUsed, arrayBuffers } = process.memoryUsage();
    return heapUsed + arrayBuffers - this.#pooledBytes;
  }
}

/** A copy that keeps no shared block alive. */
function own(input: Buffer): Buffer {
  const copy = Buffer.allocUnsafeSlow(input.length);
  input.copy(copy);
  return copy;
}
