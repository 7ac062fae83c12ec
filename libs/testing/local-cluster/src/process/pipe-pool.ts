import { constants, openSync, unlinkSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { mustRun } from './run-command.js';

/** One end to read, one to write; whoever took the pair closes both. */
export interface PipePair {
  readonly readFd: number;
  readonly writeFd: number;
}

const BATCH = 32;

/**
 * Pipes for the standard output of containers. Node gives its children socket pairs, and programs cannot open those again
 * (`/dev/stdout` of nginx and many others), so we take FIFOs, made in batches by one `mkfifo` and unlinked when opened.
 */
export class PipePool {
  readonly #ready: string[] = [];
  #filling: Promise<void> | null = null;
  #made = 0;

  constructor(private readonly directory: string) {}

  async take(): Promise<PipePair> {
    while (this.#ready.length === 0) await (this.#filling ??= this.#fill().finally(() => (this.#filling = null)));
    const path = this.#ready.pop()!;
    const readFd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
    const writeFd = openSync(path, constants.O_WRONLY);
    unlinkSync(path);
    return { readFd, writeFd };
  }

  async #fill(): Promise<void> {
    await mkdir(this.directory, { recursive: true });
    const names = Array.from({ length: BATCH }, () => join(this.directory, `pipe-${this.#made++}`));
    await mustRun(['mkfifo', '-m', '600', ...names]);
    this.#ready.push(...names);
  }
}
