import { setFlagsFromString } from 'node:v8';
import { releaseFreeMemory, releaseStartMemory } from '@weft/linux';
import type { Clock } from '@weft/result';
import { garbageCollector, type Service } from '@weft/runtime';

/** Starting takes a while: the first pods and their certificates, then whatever V8 compiles because it turned out to be used. */
const STARTED_MS = [2000, 4000, 60_000] as const;
/** How often it is looked whether memory grew, and what growth is worth doing something about. */
const LOOK_MS = 1000;
const GROWN_BYTES = 1 << 20;

/**
 * Keeps a proxy small that runs once on every node. Young generations stay at the megabyte with which they begin: they would grow
 * to 32 MiB in the main thread, and cost no less CPU (measured with requests and with new connections). Each is collected by its
 * own thread: to share so little work costs more than the work (8 to 10 % of the CPU of new connections). Once it has started, what
 * loading left behind is collected, the kernel gets back what only the start used, and after each growth what malloc keeps of it:
 * mostly room for compiling code.
 */
export class LeanMemory implements Service {
  readonly name = 'memory';
  #cancels: (() => void)[] = [];
  #cancelLook: () => void = () => undefined;
  #residentBytes = Infinity;

  constructor(private readonly clock: Clock) {
    setFlagsFromString('--semi-space-growth-factor=1');
    setFlagsFromString('--no-parallel-scavenge');
  }

  start(): Promise<void> {
    garbageCollector('last-resort')();
    this.#cancels = STARTED_MS.map((ms) => this.clock.after(ms, releaseStartMemory));
    this.#look();
    return Promise.resolve();
  }

  stop(): Promise<void> {
    for (const cancel of [...this.#cancels, this.#cancelLook]) cancel();
    return Promise.resolve();
  }

  #look(): void {
    const residentBytes = process.memoryUsage.rss();
    if (residentBytes - this.#residentBytes >= GROWN_BYTES) {
      releaseFreeMemory();
      this.#residentBytes = process.memoryUsage.rss();
    } else this.#residentBytes = Math.min(this.#residentBytes, residentBytes);
    this.#cancelLook = this.clock.after(LOOK_MS, () => this.#look());
  }
}
