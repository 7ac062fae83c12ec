import type { HeaderField } from './handler.js';
import { fieldSize, HpackDynamicTable } from './hpack-dynamic-table.js';
import { HPACK_STATIC_TABLE } from './hpack-static-table.js';
import { huffmanDecode, huffmanDecodedBound } from './huffman.js';

export interface HpackDecoderLimits {
  /** SETTINGS_HEADER_TABLE_SIZE that we announced (HTTP/2 default 4,096). */
  readonly maxTableBytes: number;
  /** Largest list in decoded bytes, 32 per field included, so that a small block cannot unfold into a big list. */
  readonly maxListBytes: number;
  readonly maxFields: number;
}

export interface DecodedHeaderBlock {
  /** Empty when `tooLarge` or `error`. */
  readonly fields: readonly HeaderField[];
  /** The list passed a limit. The block was read to its end all the same, so the connection stays usable. */
  readonly tooLarge: boolean;
  /** Why the block cannot be decoded (COMPRESSION_ERROR for the connection), or null. */
  readonly error: string | null;
}

/** A coded string of at least this many bytes is remembered: a token that comes with every request and is in no table. */
const WORTH_REMEMBERING_BYTES = 256;

/** Integers above this make no sense in a header block and would leave the 32-bit range. */
const MAX_INTEGER = 0x0fff_ffff;

/** HPACK decoding of one direction of one connection (RFC 7541). Never throws; one bad block spoils the connection. */
export class HpackDecoder {
  readonly #table: HpackDynamicTable;
  #bytes: Buffer = Buffer.alloc(0);
  #at = 0;
  #end = 0;
  #scratch: Buffer = Buffer.alloc(0);
  #fields: HeaderField[] = [];
  #listBytes = 0;
  #tooLarge = false;
  #lastLong: { readonly coded: Buffer; readonly text: string } | null = null;

  constructor(private readonly limits: HpackDecoderLimits) {
    this.#table = new HpackDynamicTable(limits.maxTableBytes);
  }

  /** Decodes the whole block `bytes[start..end)`. Keeps no reference to `bytes`. */
  decode(bytes: Buffer, start: number, end: number): DecodedHeaderBlock {
    this.#bytes = bytes;
    this.#at = start;
    this.#end = end;
    this.#fields = [];
    this.#listBytes = 0;
    this.#tooLarge = false;
    const error = this.#decodeBlock();
    const tooLarge = this.#isTooLarge();
    const fields = error !== null || tooLarge ? [] : this.#fields;
    this.#bytes = EMPTY;
    this.#fields = [];
    return { fields, tooLarge, error };
  }

  #isTooLarge(): boolean {
    return this.#tooLarge;
  }

  #decodeBlock(): string | null {
    let updatesAllowed = true;
    while (this.#at < this.#end) {
      const first = this.#bytes[this.#at]!;
      let error: string | null;
      if ((first & 0xe0) === 0x20) {
        if (!updatesAllowed) return 'dynamic table size update after the first field';
        error = this.#sizeUpdate();
      } else {
        updatesAllowed = false;
        error = (first & 0x80) !== 0 ? this.#indexed() : this.#literal(first);
      }
      if (error !== null) return error;
    }
    return null;
  }

  #sizeUpdate(): string | null {
    const size = this.#integer(5);
    if (size < 0) return 'broken table size';
    if (size > this.limits.maxTableBytes) return `table size ${size} above ${this.limits.maxTableBytes}`;
    this.#table.resize(size);
    return null;
  }

  #indexed(): string | null {
    const index = this.#integer(7);
    const field = this.#lookup(index);
    if (field === undefined) return `index ${index} in no table`;
    this.#emit(field);
    return null;
  }

  /** 6.2.1 (01: add to the table), 6.2.2 (0000), 6.2.3 (0001: never indexed). */
  #literal(first: number): string | null {
    const indexing = (first & 0x40) !== 0;
    const nameIndex = this.#integer(indexing ? 6 : 4);
    if (nameIndex < 0) return 'broken name index';
    const name = nameIndex === 0 ? this.#string() : this.#lookup(nameIndex)?.[0];
    if (name === undefined) return nameIndex === 0 ? 'broken name' : `index ${nameIndex} in no table`;
    const value = this.#string();
    if (value === undefined) return 'broken value';
    if (indexing) this.#table.add(name, value);
    this.#emit([name, value]);
    return null;
  }

  #emit(field: HeaderField): void {
    this.#listBytes += fieldSize(field[0], field[1]);
    if (this.#listBytes > this.limits.maxListBytes || this.#fields.length >= this.limits.maxFields)
      this.#tooLarge = true;
    if (!this.#tooLarge) this.#fields.push(field);
  }

  #lookup(index: number): HeaderField | undefined {
    if (index <= 0) return undefined;
    if (index <= HPACK_STATIC_TABLE.length) return HPACK_STATIC_TABLE[index - 1];
    return this.#table.at(index - HPACK_STATIC_TABLE.length - 1);
  }

  /** RFC 7541, 5.1. -1: cut off or too big. */
  #integer(prefixBits: number): number {
    if (this.#at >= this.#end) return -1;
    const mask = (1 << prefixBits) - 1;
    let value = this.#bytes[this.#at++]! & mask;
    if (value < mask) return value;
    for (let shift = 0; this.#at < this.#end && shift <= 21; shift += 7) {
      const byte = this.#bytes[this.#at++]!;
      value += (byte & 0x7f) << shift;
      if (value > MAX_INTEGER) return -1;
      if ((byte & 0x80) === 0) return value;
    }
    return -1;
  }

  /** RFC 7541, 5.2. undefined: cut off or broken Huffman code. */
  #string(): string | undefined {
    if (this.#at >= this.#end) return undefined;
    const huffman = (this.#bytes[this.#at]! & 0x80) !== 0;
    const length = this.#integer(7);
    if (length < 0 || length > this.#end - this.#at) return undefined;
    const start = this.#at;
    this.#at += length;
    if (!huffman) return this.#bytes.toString('latin1', start, this.#at);
    return length < WORTH_REMEMBERING_BYTES ? this.#huffman(start) : this.#longHuffman(start);
  }

  #longHuffman(start: number): string | undefined {
    const known = this.#lastLong;
    if (known !== null && known.coded.compare(this.#bytes, start, this.#at) === 0) return known.text;
    const text = this.#huffman(start);
    if (text !== undefined) this.#lastLong = { coded: Buffer.from(this.#bytes.subarray(start, this.#at)), text };
    return text;
  }

  /** What is coded from `start` to where we are. */
  #huffman(start: number): string | undefined {
    const bound = huffmanDecodedBound(this.#at - start);
    if (this.#scratch.length < bound) this.#scratch = Buffer.allocUnsafeSlow(Math.max(256, bound));
    const decoded = huffmanDecode(this.#bytes, start, this.#at, this.#scratch);
    return decoded < 0 ? undefined : this.#scratch.toString('latin1', 0, decoded);
  }
}

const EMPTY = Buffer.alloc(0);
