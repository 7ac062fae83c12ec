import { HEADER_DICTIONARY } from './header-dictionary.js';

/** How far back a DEFLATE reference can reach. RFC 1951, 2. */
const WINDOW_BYTES = 32_768;

/**
 * What the headers of one direction of a connection have been so far. All blocks of a direction are one zlib stream, and each
 * ends with a sync flush, so that it ends at a whole byte: each can be read and written alone, with the bytes before it as dictionary.
 */
export class HeaderHistory {
  #bytes: Buffer = HEADER_DICTIONARY;

  /** The dictionary of the next block. */
  get dictionary(): Buffer {
    return this.#bytes;
  }

  add(block: Buffer): void {
    this.#bytes = Buffer.concat([this.#bytes, block]).subarray(-WINDOW_BYTES);
  }
}
