import { writeSync } from 'node:fs';

/** Lines are not kept back beyond this. */
const LARGEST_BATCH_CHARS = 64 * 1024;
/** How long a reader of stdout that is behind may hold the process up. */
const LONGEST_WAIT_MS = 1000;
const RETRY_MS = 5;
const NEWLINE = 10;

/**
 * Log lines on stdout, those of one turn of the event loop in one write. Nothing is lost at the exit of the process, after an
 * uncaught error included; `flush` writes what waits. Only SIGKILL takes the lines of the turn with it. What stdout does not take (a
 * full disk, a reader that is too far behind) is dropped and counted: a log never stops the process.
 */
export class TurnDestination {
  #waiting = '';
  #planned = false;
  #lostLines = 0;
  /** The last line that stdout has is only the beginning of one. */
  #torn = false;
  /** The reader was waited for in vain, and has not come since. */
  #givenUp = false;

  constructor(private readonly writeTo: (bytes: Buffer) => number = (bytes) => writeSync(1, bytes)) {
    process.once('exit', () => this.flush());
  }

  get lostLines(): number {
    return this.#lostLines;
  }

  write(line: string): void {
    this.#waiting += line;
    if (this.#waiting.length >= LARGEST_BATCH_CHARS) this.flush();
    if (this.#planned) return;
    this.#planned = true;
    setImmediate(() => {
      this.#planned = false;
      this.flush();
    });
  }

  flush(): void {
    if (this.#waiting === '') return;
    const all = Buffer.from(this.#torn ? `\n${this.#waiting}` : this.#waiting);
    this.#waiting = '';
    const untilMs = performance.now() + (this.#givenUp ? 0 : LONGEST_WAIT_MS);
    let done = 0;
    while (done < all.length) {
      const written = this.#attempt(all.subarray(done));
      if (written === 'lost' || (written === 0 && performance.now() >= untilMs)) {
        this.#givenUp = written === 0;
        this.#lose(all, done);
        return;
      }
      done += written;
      if (written === 0) pause(RETRY_MS);
    }
    this.#torn = this.#givenUp = false;
  }

  /** What comes after `done` bytes. */
  #lose(all: Buffer, done: number): void {
    // The line feed that ends a torn line is none of a lost one.
    const from = this.#torn && done === 0 ? 1 : done;
    for (let at = all.indexOf(NEWLINE, from); at >= 0; at = all.indexOf(NEWLINE, at + 1)) this.#lostLines++;
    if (done > 0) this.#torn = all[done - 1] !== NEWLINE;
  }

  #attempt(bytes: Buffer): number | 'lost' {
    try {
      return this.writeTo(bytes);
    } catch (thrown) {
      return (thrown as NodeJS.ErrnoException).code === 'EAGAIN' ? 0 : 'lost';
    }
  }
}

function pause(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
}
