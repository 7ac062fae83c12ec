import { closeSync, constants, openSync, unlinkSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { mustRun } from './run-command.js';

/** A pipe whose writer has still to open it by its path. */
export interface NamedPipe {
  readonly path: string;
  /** Whoever took the pipe closes it. */
  readonly readFd: number;
  /** Call once the writer has it open: removes the path, so that reading ends when the writer is gone. */
  handedOver(): void;
}

const BATCH = 96;

/**
 * Pipes for the standard output of containers. Node gives its children socket pairs, and programs cannot open those again
 * (`/dev/stdout` of nginx and many others), so we take FIFOs, made in batches by one `mkfifo` and unlinked when opened. Until
 * then we hold a writing end ourselves: without any, the reader would see the end at once.
 */
export class PipePool {
  readonly #ready: string[] = [];
  #filling: Promise<void> | null = null;
  #made = 0;

  constructor(private readonly directory: string) {}

  async take(): Promise<NamedPipe> {
    while (this.#ready.length === 0) await (this.#filling ??= this.#fill().finally(() => (this.#filling = null)));
    const path = this.#ready.pop()!;
    const readFd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
    const writeFd = openSync(path, constants.O_WRONLY);
    const handedOver = (): void => {
      closeSync(writeFd);
      unlinkSync(path);
    };
    return { path, readFd, handedOver };
  }

  async #fill(): Promise<void> {
    await mkdir(this.directory, { recursive: true });
    const names = Array.from({ length: BATCH }, () => join(this.directory, `pipe-${this.#made++}`));
    await mustRun(['mkfifo', '-m', '600', ...names]);
    this.#ready.push(...names);
  }
}
