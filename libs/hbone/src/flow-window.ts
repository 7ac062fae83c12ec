import { MAX_WINDOW_BYTES } from './frame-types.js';

/** Credit that the peer gave us (RFC 9113, 6.9). May be negative after the peer shrank its initial window. */
export class SendWindow {
  constructor(public bytes: number) {}

  take(n: number): void {
    this.bytes -= n;
  }

  /** False when the window would pass 2^31-1, which is the peer's FLOW_CONTROL_ERROR. */
  grow(n: number): boolean {
    this.bytes += n;
    return this.bytes <= MAX_WINDOW_BYTES;
  }
}

/** Credit that we gave the peer. Returned in pieces of half a window, so that updates are rare and never late. */
export class ReceiveWindow {
  #available: number;
  #owed = 0;

  constructor(
    private targetBytes: number,
    initialBytes: number = targetBytes,
  ) {
    this.#available = initialBytes;
  }

  get availableBytes(): number {
    return this.#available;
  }

  /** The peer sent `n` bytes. False when it had no credit for them. */
  take(n: number): boolean {
    this.#available -= n;
    return n === 0 || this.#available >= 0;
  }

  /** `n` received bytes are done with. Returns the increment to announce now, or 0 to wait for more. */
  credit(n: number): number {
    this.#owed += n;
    if (this.#owed * 2 < this.targetBytes || this.#owed === 0) return 0;
    const increment = this.#owed;
    this.#owed = 0;
    this.#available += increment;
    return increment;
  }

  /** The peer applied our SETTINGS_INITIAL_WINDOW_SIZE: what it had before changes by `delta` (6.9.2). */
  shift(delta: number): void {
    this.#available += delta;
  }
}
