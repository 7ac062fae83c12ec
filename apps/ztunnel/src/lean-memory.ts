import { setFlagsFromString } from 'node:v8';
import { releaseFreeMemory, releaseStartMemory } from '@weft/linux';
import type { Clock } from '@weft/result';
import type { Service } from '@weft/runtime';

/** By then everything that only starting needs has run, the first pods and their certificates included. */
const STARTED_MS = 3000;
/** How often it is looked whether memory grew, and what growth is worth doing something about. */
const LOOK_MS = 1000;
const GROWN_BYTES = 1 << 20;

/**
 * Keeps a proxy small that runs once on every node. Young generations stay at the megabyte with which they begin: they would grow
 * to 32 MiB in the main thread, and cost no less CPU (measured with requests and with new connections). Each is collected by its
 * own thread: to share so little work costs more than the work (8 to 10 % of the CPU of new connections). Once it has started, the
 * kernel gets back what only the start used, and after each growth what malloc keeps of it: mostly room for compiling code.
 */
export class LeanMemory implements Service {
  readonly name = 'memory';
  #cancel: () => void = () => undefined;
  #residentBytes = Infinity;

  constructor(private readonly clock: Clock) {
    setFlagsFromString('--semi-space-growth-factor=1');
    setFlagsFromString('--no-parallel-scavenge');
  }

  start(): Promise<void> {
    this.#cancel = this.clock.after(STARTED_MS, () => {
      releaseStartMemory();
      this.#look();
    });
    return Promise.resolve();
  }

  stop(): Promise<void> {
    this.#cancel();
    return Promise.resolve();
  }

  #look(): void {
    const residentBytes = process.memoryUsage.rss();
    if (residentBytes - this.#residentBytes >= GROWN_BYTES) {
      releaseFreeMemory();
      this.#residentBytes = process.memoryUsage.rss();
    } else this.#residentBytes = Math.min(this.#residentBytes, residentBytes);
    this.#cancel = this.clock.after(LOOK_MS, () => this.#look());
  }
}
