import type { HeaderField } from './handler.js';
import { fieldSize, HpackDynamicTable } from './hpack-dynamic-table.js';
import { HPACK_STATIC_TABLE } from './hpack-static-table.js';
import { huffmanEncode, huffmanLength } from './huffman.js';

/** Most table bytes we keep for a peer, whatever it offers. */
const MAX_TABLE_BYTES = 4096;
/** Prefix bytes of a literal (two lengths, one index) and of two table size updates. */
const FIELD_BOUND_BYTES = 16;
const BLOCK_BOUND_BYTES = 16;

/** Secrets: no table here or on any hop may keep them (RFC 7541, 7.1.3). */
const NEVER_INDEXED: ReadonlySet<string> = new Set(['authorization', 'proxy-authorization', 'cookie', 'set-cookie']);
/** New in every request, so they would only push useful entries out. */
const NOT_WORTH_INDEXING: ReadonlySet<string> = new Set([
  'traceparent',
  'forwarded',
  'content-length',
  'date',
  ':path',
]);

const key = (name: string, value: string): string => `${name}\0${value}`;

/**
 * HPACK encoding of one direction of one connection (RFC 7541). On a tunnel connection the same baggage and
 * authorities come again and again, so they go to the dynamic table and cost one or two bytes from then on.
 */
export class HpackEncoder {
  readonly #byField = new Map<string, number>();
  readonly #byName = new Map<string, number>();
  readonly #table: HpackDynamicTable;
  /** Table sizes to announce at the start of the next block: the smallest passed through, and the last (RFC 7541, 4.2). */
  #smallestPending = -1;
  #lastPending = -1;

  constructor() {
    this.#table = new HpackDynamicTable(MAX_TABLE_BYTES, (entry, id) => {
      forget(this.#byField, key(entry[0], entry[1]), id);
      forget(this.#byName, entry[0], id);
    });
  }

  /** Applies the peer's SETTINGS_HEADER_TABLE_SIZE. */
  setPeerTableBytes(bytes: number): void {
    const size = Math.min(bytes, MAX_TABLE_BYTES);
    if (size === this.#table.maxBytes) return;
    this.#table.resize(size);
    this.#smallestPending = this.#smallestPending < 0 ? size : Math.min(this.#smallestPending, size);
    this.#lastPending = size;
  }

  /** Room to make before `encode`; never less than what it writes. */
  static bound(fields: readonly HeaderField[]): number {
    let bytes = BLOCK_BOUND_BYTES;
    for (const [name, value] of fields) bytes += name.length + value.length + FIELD_BOUND_BYTES;
    return bytes;
  }

  /** Writes one whole header block at `offset`; returns the offset behind it. Text must be Latin-1 and already checked. */
  encode(fields: readonly HeaderField[], out: Uint8Array, offset: number): number {
    let at = this.#sizeUpdates(out, offset);
    for (const [name, value] of fields) at = this.#field(name, value, out, at);
    return at;
  }

  #sizeUpdates(out: Uint8Array, offset: number): number {
    let at = offset;
    if (this.#smallestPending >= 0 && this.#smallestPending < this.#lastPending)
      at = integer(this.#smallestPending, 5, 0x20, out, at);
    if (this.#lastPending >= 0) at = integer(this.#lastPending, 5, 0x20, out, at);
    this.#smallestPending = -1;
    this.#lastPending = -1;
    return at;
  }

  #field(name: string, value: string, out: Uint8Array, at: number): number {
    const never = NEVER_INDEXED.has(name);
    const whole = never ? 0 : this.#indexOf(name, value);
    if (whole > 0) return integer(whole, 7, 0x80, out, at);
    const nameIndex = this.#indexOfName(name);
    if (!never && this.#worthIndexing(name, value)) {
      at = literal(nameIndex, 6, 0x40, { name, value }, out, at);
      this.#remember(name, value);
      return at;
    }
    return literal(nameIndex, 4, never ? 0x10 : 0x00, { name, value }, out, at);
  }

  #worthIndexing(name: string, value: string): boolean {
    return !NOT_WORTH_INDEXING.has(name) && fieldSize(name, value) * 2 <= this.#table.maxBytes;
  }

  #remember(name: string, value: string): void {
    const id = this.#table.add(name, value);
    if (id < 0) return;
    this.#byField.set(key(name, value), id);
    this.#byName.set(name, id);
  }

  #indexOf(name: string, value: string): number {
    const fixed = staticIndex().byField.get(key(name, value));
    if (fixed !== undefined) return fixed;
    const id = this.#byField.get(key(name, value));
    return id === undefined ? 0 : this.#dynamicIndex(id);
  }

  #indexOfName(name: string): number {
    const fixed = staticIndex().byName.get(name);
    if (fixed !== undefined) return fixed;
    const id = this.#byName.get(name);
    return id === undefined ? 0 : this.#dynamicIndex(id);
  }

  #dynamicIndex(id: number): number {
    return HPACK_STATIC_TABLE.length + 1 + this.#table.positionOf(id);
  }
}

function forget(map: Map<string, number>, text: string, id: number): void {
  if (map.get(text) === id) map.delete(text);
}

interface StaticIndex {
  readonly byField: ReadonlyMap<string, number>;
  readonly byName: ReadonlyMap<string, number>;
}

let cachedStaticIndex: StaticIndex | null = null;

function staticIndex(): StaticIndex {
  if (cachedStaticIndex !== null) return cachedStaticIndex;
  const byField = new Map<string, number>();
  const byName = new Map<string, number>();
  HPACK_STATIC_TABLE.forEach(([name, value], i) => {
    byField.set(key(name, value), i + 1);
    if (!byName.has(name)) byName.set(name, i + 1);
  });
  return (cachedStaticIndex = { byField, byName });
}

function literal(
  nameIndex: number,
  prefixBits: number,
  pattern: number,
  field: { readonly name: string; readonly value: string },
  out: Uint8Array,
  offset: number,
): number {
  let at = integer(nameIndex, prefixBits, pattern, out, offset);
  if (nameIndex === 0) at = text(field.name, out, at);
  return text(field.value, out, at);
}

/** RFC 7541, 5.1; `pattern` holds the bits above the prefix. */
function integer(value: number, prefixBits: number, pattern: number, out: Uint8Array, offset: number): number {
  const mask = (1 << prefixBits) - 1;
  if (value < mask) {
    out[offset++] = pattern | value;
    return offset;
  }
  out[offset++] = pattern | mask;
  let rest = value - mask;
  for (; rest >= 0x80; rest >>>= 7) out[offset++] = 0x80 | (rest & 0x7f);
  out[offset++] = rest;
  return offset;
}

/** RFC 7541, 5.2; Huffman only where it is shorter. */
function text(value: string, out: Uint8Array, offset: number): number {
  const coded = huffmanLength(value);
  if (coded < value.length) return huffmanEncode(value, out, integer(coded, 7, 0x80, out, offset));
  let at = integer(value.length, 7, 0x00, out, offset);
  for (let i = 0; i < value.length; i++) out[at++] = value.charCodeAt(i);
  return at;
}
