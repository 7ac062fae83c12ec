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

/** What the dynamic table holds of one name: the newest entry with it, and the newest with each value. */
interface Remembered {
  newest: number;
  readonly byValue: Map<string, number>;
}

/**
 * HPACK encoding of one direction of one connection (RFC 7541). On a tunnel connection the same baggage and
 * authorities come again and again, so they go to the dynamic table and cost one or two bytes from then on.
 */
export class HpackEncoder {
  readonly #byName = new Map<string, Remembered>();
  readonly #table: HpackDynamicTable;
  /** Table sizes to announce at the start of the next block: the smallest passed through, and the last (RFC 7541, 4.2). */
  #smallestPending = -1;
  #lastPending = -1;

  constructor() {
    this.#table = new HpackDynamicTable(MAX_TABLE_BYTES, ([name, value], id) => this.#forget(name, value, id));
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
    const fixed = staticIndex().get(name);
    const known = this.#byName.get(name);
    const nameIndex = fixed?.name ?? (known === undefined ? 0 : this.#dynamicIndex(known.newest));
    if (never) return literal(nameIndex, 4, 0x10, name, value, out, at);
    const whole = fixed?.byValue.get(value) ?? 0;
    if (whole > 0) return integer(whole, 7, 0x80, out, at);
    if (NOT_WORTH_INDEXING.has(name)) return literal(nameIndex, 4, 0x00, name, value, out, at);
    const id = known?.byValue.get(value);
    if (id !== undefined) return integer(this.#dynamicIndex(id), 7, 0x80, out, at);
    if (fieldSize(name, value) * 2 > this.#table.maxBytes) return literal(nameIndex, 4, 0x00, name, value, out, at);
    at = literal(nameIndex, 6, 0x40, name, value, out, at);
    this.#remember(name, value);
    return at;
  }

  #remember(name: string, value: string): void {
    const id = this.#table.add(name, value);
    if (id < 0) return;
    const known = this.#byName.get(name) ?? { newest: id, byValue: new Map<string, number>() };
    known.newest = id;
    known.byValue.set(value, id);
    this.#byName.set(name, known);
  }

  #forget(name: string, value: string, id: number): void {
    const known = this.#byName.get(name);
    if (known === undefined) return;
    if (known.byValue.get(value) === id) known.byValue.delete(value);
    if (known.newest === id) this.#byName.delete(name);
  }

  #dynamicIndex(id: number): number {
    return HPACK_STATIC_TABLE.length + 1 + this.#table.positionOf(id);
  }
}

interface StaticEntry {
  readonly name: number;
  readonly byValue: Map<string, number>;
}

let cachedStaticIndex: ReadonlyMap<string, StaticEntry> | null = null;

function staticIndex(): ReadonlyMap<string, StaticEntry> {
  if (cachedStaticIndex !== null) return cachedStaticIndex;
  const index = new Map<string, StaticEntry>();
  HPACK_STATIC_TABLE.forEach(([name, value], i) => {
    const entry = index.get(name) ?? { name: i + 1, byValue: new Map<string, number>() };
    entry.byValue.set(value, i + 1);
    index.set(name, entry);
  });
  return (cachedStaticIndex = index);
}

function literal(
  nameIndex: number,
  prefixBits: number,
  pattern: number,
  name: string,
  value: string,
  out: Uint8Array,
  offset: number,
): number {
  let at = integer(nameIndex, prefixBits, pattern, out, offset);
  if (nameIndex === 0) at = text(name, out, at);
  return text(value, out, at);
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
