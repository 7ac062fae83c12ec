/** A slot is not used again for this long after its connection closed, so that a scrape never counts a stranger's bytes. */
const REST_MS = 5000;

/**
 * Hands out counter slots, new ones first, and takes them back. Those that rest are kept in a ring, in the order in which
 * they came back; its memory is touched only as far as connections ever filled it.
 */
export class CounterSlots {
  readonly #resting: Int32Array;
  readonly #untilMs: Float64Array;
  #first = 0;
  #count = 0;
  #fresh = 0;

  constructor(private readonly slots: number) {
    this.#resting = new Int32Array(slots);
    this.#untilMs = new Float64Array(slots);
  }

  /** Null when all are in use, or have not rested yet. */
  take(nowMs: number): number | null {
    if (this.#count > 0 && this.#untilMs[this.#first]! <= nowMs) {
      const slot = this.#resting[this.#first]!;
      this.#first = (this.#first + 1) % this.slots;
      this.#count--;
      return slot;
    }
    return this.#fresh < this.slots ? this.#fresh++ : null;
  }

  giveBack(slot: number, nowMs: number): void {
    const at = (this.#first + this.#count++) % this.slots;
    this.#resting[at] = slot;
    this.#untilMs[at] = nowMs + REST_MS;
  }
}
