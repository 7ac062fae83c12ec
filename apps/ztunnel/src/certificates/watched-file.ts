import { statSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { toError, type Clock } from '@weft/result';

export interface WatchedFileOptions {
  readonly path: string;
  readonly clock: Clock;
  /** With the whole content, or null when the file is gone; once at the start, then after every change. */
  readonly onContent: (content: Buffer | null) => void;
  readonly log: { warn(fields: object, message: string): void };
}

/** Kubernetes swaps mounted files by a link, of which not every watch of the kernel tells; to ask costs microseconds. */
const POLL_MS = 250;

/** A file that may come, change and go while the process runs. */
export class WatchedFile {
  #seen: string | null = null;
  #stopped = false;
  #cancel: () => void = () => undefined;
  #unreadable = false;

  constructor(private readonly options: WatchedFileOptions) {}

  /** Resolves when it was read once. */
  async start(): Promise<void> {
    await this.#look();
  }

  stop(): void {
    this.#stopped = true;
    this.#cancel();
  }

  async #look(): Promise<void> {
    const { path, clock, onContent, log } = this.options;
    try {
      const seen = versionOf(path);
      if (seen !== this.#seen) {
        const content = seen === 'gone' ? null : await readFile(path);
        if (this.#stopped) return;
        this.#seen = seen;
        onContent(content);
      }
      this.#unreadable = false;
    } catch (thrown) {
      if (!this.#unreadable) log.warn({ path, error: toError(thrown).message }, 'cannot read the file; trying again');
      this.#unreadable = true;
    }
    if (!this.#stopped) this.#cancel = clock.after(POLL_MS, () => void this.#look());
  }
}

/** At once: handing it to another thread and back costs several times as much, and takes the data path's cores meanwhile. */
function versionOf(path: string): string {
  const found = statSync(path, { throwIfNoEntry: false });
  return found === undefined ? 'gone' : `${found.ino} ${found.size} ${found.mtimeMs}`;
}
