import { setFlagsFromString } from 'node:v8';
import { releaseStartMemory } from '@weft/linux';
import type { Clock } from '@weft/result';
import type { Service } from '@weft/runtime';

/** By then everything that only starting needs has run, the first pods and their certificates included. */
const STARTED_MS = 3000;

/**
 * Keeps a proxy small that runs once on every node. Young generations stay at the megabyte with which they begin: they would grow
 * to 32 MiB in the main thread, and cost no less CPU (measured with requests and with new connections). Once it has started, the
 * kernel gets back what only the start used.
 */
export class LeanMemory implements Service {
  readonly name = 'memory';
  #cancel: () => void = () => undefined;

  constructor(private readonly clock: Clock) {
    setFlagsFromString('--semi-space-growth-factor=1');
  }

  start(): Promise<void> {
    this.#cancel = this.clock.after(STARTED_MS, releaseStartMemory);
    return Promise.resolve();
  }

  stop(): Promise<void> {
    this.#cancel();
    return Promise.resolve();
  }
}
