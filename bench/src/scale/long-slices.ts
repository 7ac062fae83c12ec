import { existsSync, readFileSync } from 'node:fs';

/** The longest slice, in microseconds, that ended in a span of time (`Date.now`), of those in a file of the slice probe; 0: none. */
export function longestSliceUs(file: string, fromMs: number, toMs: number): number {
  if (!existsSync(file)) return 0;
  return longestIn(readFileSync(file, 'utf8'), fromMs, toMs);
}

/** Lines of `<end, ms> <CPU time, us>`. */
export function longestIn(text: string, fromMs: number, toMs: number): number {
  let longest = 0;
  for (const line of text.split('\n')) {
    const [endMs = NaN, us = NaN] = line.split(' ').map(Number);
    if (endMs >= fromMs && endMs <= toMs && us > longest) longest = us;
  }
  return longest;
}
