import { Memory } from '@weft/linux';

/** The first byte of a connection tells the server what to do with all of it. */
export const SINK = 0x53;
export const ECHO = 0x45;

export const CHUNK_BYTES = 262_144;

let echo: Memory | null = null;
let sink: Memory | null = null;
let input: Memory | null = null;

/** One per thread each; contents never matter after the first byte. */
export const payload = {
  echo: (): Memory => (echo ??= Memory.of(Buffer.alloc(65_536, ECHO))),
  sink: (): Memory => (sink ??= Memory.of(Buffer.alloc(CHUNK_BYTES, SINK))),
  input: (): Memory => (input ??= Memory.allocate(CHUNK_BYTES)),
} as const;
