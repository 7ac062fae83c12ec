import { readFileSync } from 'node:fs';
import type { Clock } from '@weft/result';
import type { Service } from '@weft/runtime';

const POLL_MS = 500;
const NOTHING = Buffer.alloc(0);

/**
 * The content of a file as it changes, empty until there is one; a file that goes away leaves its last content in force. Read twice
 * a second: mounted files change by symlink.
 */
export class CrlFileWatch implements Service {
  readonly name = 'CRL file';
  #content: Buffer = NOTHING;
  #cancel: () => void = () => undefined;

  constructor(
    private readonly path: string,
    private readonly clock: Clock,
    private readonly onChange: () => void,
  ) {}

  get content(): Buffer {
    return this.#content;
  }

  start(): Promise<void> {
    this.#look();
    return Promise.resolve();
  }

  stop(): Promise<void> {
    this.#cancel();
    return Promise.resolve();
  }

  #look(): void {
    const content = read(this.path) ?? this.#content;
    this.#cancel = this.clock.after(POLL_MS, () => this.#look());
    if (content.equals(this.#content)) return;
    this.#content = content;
    this.onChange();
  }
}

function read(path: string): Buffer | null {
  try {
    return readFileSync(path);
  } catch {
    return null;
  }
}
