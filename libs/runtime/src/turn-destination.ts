import { writeSync } from 'node:fs';

/** Lines are not kept back beyond this. */
const LARGEST_BATCH_CHARS = 64 * 1024;
/** How long a reader of stdout that is behind may hold the process up. */
const LONGEST_WAIT_MS = 1000;
const RETRY_MS = 5;

/**
 * Log lines on stdout, those of one turn of the event loop in one write. Nothing is lost at the exit of the process, after an
 * uncaught error included; `flush` writes what waits. Only SIGKILL takes the lines of the turn with it.
 */
export class TurnDestination {
  #waiting = '';
  #planned = false;

  constructor(private readonly writeTo: (bytes: Buffer) => number = (bytes) => writeSync(1, bytes)) {
    process.once('exit', () => this.flush());
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

  /** What stdout cannot take is dropped. */
  flush(): void {
    if (this.#waiting === '') return;
    let left = Buffer.from(this.#waiting);
    this.#waiting = '';
    const untilMs = performance.now() + LONGEST_WAIT_MS;
    while (left.length > 0) {
      const written = this.#attempt(left);
      if (written === 'lost' || (written === 0 && performance.now() > untilMs)) return;
      left = left.subarray(written);
      if (written === 0) pause(RETRY_MS);
    }
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
