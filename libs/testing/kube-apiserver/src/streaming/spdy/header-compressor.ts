import { constants, deflateRawSync } from 'node:zlib';
import { HEADER_DICTIONARY_ID } from './header-dictionary.js';
import { HeaderHistory } from './header-history.js';

/** CMF and FLG: DEFLATE, 32 KiB window, a preset dictionary. RFC 1950, 2.2. */
const ZLIB_HEADER = 0x78bb;

/** Compresses the header blocks of one direction of a connection, in the order in which they are sent. */
export class HeaderCompressor {
  readonly #history = new HeaderHistory();
  #started = false;

  compress(block: Buffer): Buffer {
    const compressed = deflateRawSync(block, {
      dictionary: this.#history.dictionary,
      finishFlush: constants.Z_SYNC_FLUSH,
    });
    this.#history.add(block);
    if (this.#started) return compressed;
    this.#started = true;
    const start = Buffer.alloc(6);
    start.writeUInt16BE(ZLIB_HEADER);
    start.writeUInt32BE(HEADER_DICTIONARY_ID, 2);
    return Buffer.concat([start, compressed]);
  }
}
