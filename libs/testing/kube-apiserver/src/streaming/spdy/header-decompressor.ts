import { constants, inflateRawSync } from 'node:zlib';
import { err, ok, toError, type Result } from '@weft/result';
import { HEADER_DICTIONARY_ID } from './header-dictionary.js';
import { HeaderHistory } from './header-history.js';

const START_BYTES = 6;
const DEFLATE = 8;
/** Of one block, unpacked. */
const MAX_BLOCK_BYTES = 64 * 1024;

/** Unpacks the header blocks of one direction of a connection, in the order in which they came. After an error nothing more can be read. */
export class HeaderDecompressor {
  readonly #history = new HeaderHistory();
  #started = false;

  decompress(bytes: Buffer): Result<Buffer, string> {
    if (!this.#started) {
      if (!isStart(bytes)) return err('header compression that does not start with the dictionary of SPDY/3');
      this.#started = true;
      return this.#inflate(bytes.subarray(START_BYTES));
    }
    return this.#inflate(bytes);
  }

  #inflate(bytes: Buffer): Result<Buffer, string> {
    try {
      const block = inflateRawSync(bytes, {
        dictionary: this.#history.dictionary,
        finishFlush: constants.Z_SYNC_FLUSH,
        maxOutputLength: MAX_BLOCK_BYTES,
      });
      this.#history.add(block);
      return ok(block);
    } catch (thrown) {
      return err(`header compression: ${toError(thrown).message}`);
    }
  }
}

function isStart(bytes: Buffer): boolean {
  if (bytes.length < START_BYTES) return false;
  const isZlib = (bytes[0]! & 0x0f) === DEFLATE && bytes.readUInt16BE() % 31 === 0;
  return isZlib && bytes.readUInt32BE(2) === HEADER_DICTIONARY_ID;
}
