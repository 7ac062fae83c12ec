/** More free buffers than these are left to the collector. */
const MOST_FREE = 16;

/**
 * Output buffers of one size for all connections of a thread. Only a connection whose output waits holds one: an idle tunnel
 * has none, and busy ones write in turn to the same memory, which stays in the processor's cache.
 */
export class OutputBuffers {
  readonly #free: Buffer[] = [];
  #next: Buffer;

  private constructor(readonly size: number) {
    this.#next = Buffer.allocUnsafeSlow(size);
  }

  static ofSize(size: number): OutputBuffers {
    let buffers = bySize.get(size);
    if (buffers === undefined) {
      buffers = new OutputBuffers(size);
      bySize.set(size, buffers);
    }
    return buffers;
  }

  /** What `take` will give next. Bytes may be put there before it is known whether it will be taken. */
  get next(): Buffer {
    return this.#next;
  }

  take(): Buffer {
    const taken = this.#next;
    this.#next = this.#free.pop() ?? Buffer.allocUnsafeSlow(this.size);
    return taken;
  }

  giveBack(buffer: Buffer): void {
    if (this.#free.length < MOST_FREE) this.#free.push(buffer);
  }
}

const bySize = new Map<number, OutputBuffers>();
