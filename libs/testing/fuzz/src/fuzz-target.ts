/** One parser under the fuzzer. */
export interface FuzzTarget {
  /** As given to `./weft fuzz`. */
  readonly name: string;
  /** Longer inputs are not tried. */
  readonly maxBytes: number;
  /** Inputs that are right, from which the first mutations are made. */
  readonly seeds: () => readonly Buffer[];
  /** Pieces of input that mean something to the parser. */
  readonly words: readonly Buffer[];
  /**
   * Parses `input` and throws if the parser broke a promise. Returns what came of it in few words: an input with an outcome
   * that was not seen before is mutated further.
   */
  readonly run: (input: Buffer) => string;
}
