import { NativeLibrary } from './native-library.js';

/**
 * A buffer that system calls may read and write. It keeps the bytes alive and checks every offset and length, so a wrong
 * number is a RangeError and not a write into foreign memory.
 */
export class Memory {
  readonly #address: number;

  private constructor(readonly bytes: Buffer) {
    // A short array may live inside the JavaScript heap, where the collector moves it; asking for its ArrayBuffer takes it
    // out for good.
    this.#address = bytes.buffer.byteLength === 0 ? 0 : NativeLibrary.addressOf(bytes);
  }

  static allocate(length: number): Memory {
    return new Memory(Buffer.alloc(length));
  }

  /** Wraps bytes that someone else made. They are not copied. */
  static of(bytes: Buffer): Memory {
    return new Memory(bytes);
  }

  get length(): number {
    return this.bytes.length;
  }

  /** For `libs/linux` and `libs/tls` only: where `length` bytes from `offset` are. Throws RangeError if they are not ours. */
  addressAt(offset: number, length: number): number {
    if (!(offset >= 0 && length >= 0 && offset + length <= this.bytes.length) || !Number.isInteger(offset + length)) {
      throw new RangeError(`${length} bytes at ${offset} are outside of a buffer of ${this.bytes.length}`);
    }
    return this.#address + offset;
  }
}
