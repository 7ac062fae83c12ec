import type { HeaderField } from './handler.js';

/** RFC 7541, 4.1: what an entry counts for beyond its text. */
const FIELD_OVERHEAD_BYTES = 32;

export const fieldSize = (name: string, value: string): number => name.length + value.length + FIELD_OVERHEAD_BYTES;

/** The first-in first-out table of HPACK (RFC 7541, 2.3.2 and 4). Strings are Latin-1, so length is bytes. */
export class HpackDynamicTable {
  /** Oldest first, from `#head`; the entries before it are evicted and swept now and then. */
  #entries: (HeaderField | undefined)[] = [];
  #head = 0;
  #size = 0;
  #evicted = 0;

  constructor(
    private maxSizeBytes: number,
    private readonly onEvict?: (entry: HeaderField, id: number) => void,
  ) {}

  get count(): number {
    return this.#entries.length - this.#head;
  }

  get maxBytes(): number {
    return this.maxSizeBytes;
  }

  /** The entry at `position`, 0 the newest. */
  at(position: number): HeaderField | undefined {
    return position < 0 ? undefined : this.#entries[this.#entries.length - 1 - position];
  }

  /** Position of the entry that `add` gave `id`; it must not be evicted yet. */
  positionOf(id: number): number {
    return this.#evicted + this.count - 1 - id;
  }

  /** Adds at the front and evicts from the end. Returns the entry's lasting id, or -1 if it was too big (which empties the table, 4.4). */
  add(name: string, value: string): number {
    const size = fieldSize(name, value);
    this.#evictTo(this.maxSizeBytes - size);
    if (size > this.maxSizeBytes) return -1;
    this.#entries.push([name, value]);
    this.#size += size;
    return this.#evicted + this.count - 1;
  }

  resize(maxSizeBytes: number): void {
    this.maxSizeBytes = maxSizeBytes;
    this.#evictTo(maxSizeBytes);
  }

  #evictTo(sizeBytes: number): void {
    while (this.#size > sizeBytes && this.count > 0) {
      const oldest = this.#entries[this.#head]!;
      this.#entries[this.#head++] = undefined;
      this.#size -= fieldSize(oldest[0], oldest[1]);
      this.onEvict?.(oldest, this.#evicted);
      this.#evicted++;
    }
    if (this.#head > 64 && this.#head * 2 > this.#entries.length) {
      this.#entries = this.#entries.slice(this.#head);
      this.#head = 0;
    }
  }
}
