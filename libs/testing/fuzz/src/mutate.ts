import type { Random } from './random.js';

/** Numbers at which lengths, counts and signs go wrong. */
const EDGES = [
  0, 1, 0x7f, 0x80, 0xff, 0x100, 0x3fff, 0x4000, 0x7fff, 0x8000, 0xffff, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff,
];

export interface MutationParts {
  /** Other inputs, to take pieces from. Not empty. */
  readonly pool: readonly Buffer[];
  readonly words: readonly Buffer[];
  readonly maxBytes: number;
}

type Mutation = (input: Buffer, random: Random, parts: MutationParts) => Buffer;

const splice = (input: Buffer, at: number, removed: number, inserted: Buffer): Buffer =>
  Buffer.concat([input.subarray(0, at), inserted, input.subarray(at + removed)]);

const flipBit: Mutation = (input, random) => {
  const copy = Buffer.from(input);
  if (copy.length > 0) copy[random.below(copy.length)]! ^= 1 << random.below(8);
  return copy;
};

const setByte: Mutation = (input, random) => {
  const copy = Buffer.from(input);
  if (copy.length > 0) copy[random.below(copy.length)] = random.below(256);
  return copy;
};

const setEdge: Mutation = (input, random) => {
  const copy = Buffer.from(input);
  const width = Math.min(1 + random.below(4), copy.length);
  if (width > 0) copy.writeUIntBE(random.pick(EDGES) % 2 ** (8 * width), random.below(copy.length - width + 1), width);
  return copy;
};

const remove: Mutation = (input, random) =>
  splice(input, random.below(input.length + 1), 1 + random.below(16), Buffer.alloc(0));

const repeat: Mutation = (input, random) => {
  const at = random.below(input.length + 1);
  const piece = input.subarray(at, at + 1 + random.below(32));
  return splice(input, at, 0, Buffer.concat(Array.from({ length: 1 + random.below(8) }, () => piece)));
};

const insertNoise: Mutation = (input, random) =>
  splice(
    input,
    random.below(input.length + 1),
    0,
    Buffer.from(Array.from({ length: 1 + random.below(12) }, () => random.below(256))),
  );

const insertWord: Mutation = (input, random, { words, pool }) =>
  splice(
    input,
    random.below(input.length + 1),
    random.below(2) * random.below(8),
    random.pick(words.length > 0 ? words : pool),
  );

const cross: Mutation = (input, random, { pool }) => {
  const other = random.pick(pool);
  return Buffer.concat([
    input.subarray(0, random.below(input.length + 1)),
    other.subarray(random.below(other.length + 1)),
  ]);
};

const MUTATIONS = [flipBit, setByte, setEdge, remove, repeat, insertNoise, insertWord, insertWord, cross] as const;

/** One to six changes to an input. */
export function mutate(input: Buffer, random: Random, parts: MutationParts): Buffer {
  let changed = input;
  for (let left = 1 + random.below(6); left > 0; left--) changed = random.pick(MUTATIONS)(changed, random, parts);
  return changed.subarray(0, parts.maxBytes);
}
