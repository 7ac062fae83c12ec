/**
 * The Huffman code of HPACK (RFC 7541, 5.2 and appendix B).
 *
 * The code is canonical, so the bit lengths of the 256 byte values and EOS define it: codes of one length are
 * consecutive in symbol order, and each length continues where the shorter one stopped.
 */
const CODE_LENGTHS: readonly number[] = [
  ...[13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28],
  ...[28, 28, 28, 28, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 28],
  ...[6, 10, 10, 12, 13, 6, 8, 11, 10, 10, 8, 11, 8, 6, 6, 6],
  ...[5, 5, 5, 6, 6, 6, 6, 6, 6, 6, 7, 8, 15, 6, 12, 10],
  ...[13, 6, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7],
  ...[7, 7, 7, 7, 7, 7, 7, 7, 8, 7, 8, 13, 19, 13, 14, 6],
  ...[15, 5, 6, 5, 6, 5, 6, 6, 6, 5, 7, 7, 6, 6, 6, 5],
  ...[6, 7, 6, 5, 5, 6, 7, 7, 7, 7, 7, 15, 11, 14, 13, 28],
  ...[20, 22, 20, 20, 22, 22, 22, 23, 22, 23, 23, 23, 23, 23, 24, 23],
  ...[24, 24, 22, 23, 24, 23, 23, 23, 23, 21, 22, 23, 22, 23, 23, 24],
  ...[22, 21, 20, 22, 22, 23, 23, 21, 23, 22, 22, 24, 21, 22, 23, 23],
  ...[21, 21, 22, 21, 23, 22, 23, 23, 20, 22, 22, 22, 23, 22, 22, 23],
  ...[26, 26, 20, 19, 22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25],
  ...[19, 21, 26, 27, 27, 26, 27, 24, 21, 21, 26, 26, 28, 27, 27, 27],
  ...[20, 24, 20, 21, 22, 21, 21, 23, 22, 22, 25, 25, 24, 24, 26, 23],
  ...[26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27, 27, 27, 27, 27, 26],
  30,
];
const EOS = 256;
const MAX_CODE_LENGTH = 30;

/** Cells of the decoding table: low 8 bits the byte, then the flags, then the next state. */
const EMITS = 0x100;
const FAILS = 0x200;
const STATE_SHIFT = 10;

interface HuffmanTables {
  readonly codes: Uint32Array;
  /** `next[state * 16 + nibble]`; a state is an inner node of the code tree, 0 its root. */
  readonly next: Uint32Array;
  /** 1 for states where a string may stop: fewer than 8 bits after the last symbol, all ones (the start of EOS). */
  readonly accepts: Uint8Array;
}

let tables: HuffmanTables | null = null;
const huffmanTables = (): HuffmanTables => (tables ??= buildTables());

/** Bytes that `text` (Latin-1) takes when Huffman coded. */
export function huffmanLength(text: string): number {
  let bits = 0;
  for (let i = 0; i < text.length; i++) bits += CODE_LENGTHS[text.charCodeAt(i) & 0xff]!;
  return (bits + 7) >>> 3;
}

/** Writes `text` (Latin-1) at `offset`; returns the offset behind it. The caller made room with `huffmanLength`. */
export function huffmanEncode(text: string, out: Uint8Array, offset: number): number {
  const { codes } = huffmanTables();
  let pending = 0;
  let pendingBits = 0;
  for (let i = 0; i < text.length; i++) {
    const symbol = text.charCodeAt(i) & 0xff;
    let left = CODE_LENGTHS[symbol]!;
    const code = codes[symbol]!;
    while (left > 0) {
      const take = Math.min(left, 8 - pendingBits);
      left -= take;
      pending = (pending << take) | ((code >>> left) & ((1 << take) - 1));
      pendingBits += take;
      if (pendingBits === 8) {
        out[offset++] = pending;
        pending = 0;
        pendingBits = 0;
      }
    }
  }
  if (pendingBits > 0) out[offset++] = (pending << (8 - pendingBits)) | (0xff >>> pendingBits);
  return offset;
}

/** Most bytes that `encodedLength` bytes can decode to: the shortest code has 5 bits. */
export const huffmanDecodedBound = (encodedLength: number): number => Math.floor((encodedLength * 8) / 5);

/**
 * Decodes `bytes[start..end)` into `out` from 0, which must hold `huffmanDecodedBound(end - start)` bytes.
 * Returns the decoded length, or -1 when the code holds EOS or the padding is not the start of EOS, at most 7 bits.
 */
export function huffmanDecode(bytes: Uint8Array, start: number, end: number, out: Uint8Array): number {
  const { next, accepts } = huffmanTables();
  let state = 0;
  let length = 0;
  for (let i = start; i < end; i++) {
    const byte = bytes[i]!;
    const high = next[state * 16 + (byte >>> 4)]!;
    if ((high & EMITS) !== 0) out[length++] = high & 0xff;
    const low = next[(high >>> STATE_SHIFT) * 16 + (byte & 0xf)]!;
    if ((low & EMITS) !== 0) out[length++] = low & 0xff;
    if (((high | low) & FAILS) !== 0) return -1;
    state = low >>> STATE_SHIFT;
  }
  return accepts[state] === 1 ? length : -1;
}

function buildTables(): HuffmanTables {
  const codes = assignCodes();
  const tree = buildTree(codes);
  const states = tree.length / 2;
  const next = new Uint32Array(states * 16);
  for (let state = 0; state < states; state++) {
    for (let nibble = 0; nibble < 16; nibble++) next[state * 16 + nibble] = walk(tree, state, nibble);
  }
  const accepts = new Uint8Array(states);
  let node = 0;
  for (let depth = 0; depth < 8; depth++) {
    accepts[node] = 1;
    node = tree[node * 2 + 1]!;
  }
  return { codes, next, accepts };
}

function assignCodes(): Uint32Array {
  const codes = new Uint32Array(CODE_LENGTHS.length);
  let code = 0;
  for (let length = 1; length <= MAX_CODE_LENGTH; length++) {
    code *= 2;
    CODE_LENGTHS.forEach((symbolLength, symbol) => {
      if (symbolLength === length) codes[symbol] = code++;
    });
  }
  return codes;
}

/** Inner nodes as pairs of children: a positive number is an inner node, a negative one is -1 - symbol. */
function buildTree(codes: Uint32Array): number[] {
  const tree = [0, 0];
  CODE_LENGTHS.forEach((length, symbol) => {
    let node = 0;
    for (let bit = length - 1; bit > 0; bit--) {
      const child = node * 2 + ((codes[symbol]! >>> bit) & 1);
      if (tree[child] === 0) {
        tree[child] = tree.length / 2;
        tree.push(0, 0);
      }
      node = tree[child]!;
    }
    tree[node * 2 + (codes[symbol]! & 1)] = -1 - symbol;
  });
  return tree;
}

function walk(tree: readonly number[], state: number, nibble: number): number {
  let node = state;
  let cell = 0;
  for (let bit = 3; bit >= 0; bit--) {
    node = tree[node * 2 + ((nibble >>> bit) & 1)]!;
    if (node >= 0) continue;
    const symbol = -1 - node;
    cell = symbol === EOS ? FAILS : EMITS | symbol;
    if (symbol === EOS) return cell;
    node = 0;
  }
  return cell | (node << STATE_SHIFT);
}
