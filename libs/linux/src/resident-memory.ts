import { readFileSync } from 'node:fs';
import { libc } from './libc.js';
import { NativeLibrary, type NativeFunction } from './native-library.js';

const MADV_DONTNEED = 4;
const MAPPING = /^([0-9a-f]+)-([0-9a-f]+) (\S+) \S+ \S+ (\d+)/;

interface Mapping {
  readonly start: number;
  readonly length: number;
  /** Of a file, private, and not writable. */
  readonly isCode: boolean;
  /** Bytes that are no longer what the file holds. */
  changedKiB: number;
}

/**
 * Gives back to the kernel what only the start of the process used: pages of programs and libraries, which stay in the page
 * cache and are mapped again when somebody runs into them, and the free ends of the malloc heaps. Costs a few milliseconds.
 */
export function releaseStartMemory(): void {
  for (const { start, length, isCode, changedKiB } of mappings()) {
    // A page that was changed (relocated, for one) would come back as it is in the file.
    if (isCode && changedKiB === 0) libc().madvise(start, length, MADV_DONTNEED);
  }
  releaseFreeMemory();
}

let trim: NativeFunction | null | undefined;

/**
 * Gives back to the kernel the pages inside of the malloc heaps that nobody uses: by itself glibc does that at their ends only.
 * Takes a tenth of a millisecond to a few tenths. Does nothing with another C library.
 */
export function releaseFreeMemory(): void {
  trim ??= trimmer();
  trim?.(0);
}

/** Glibc alone has it. */
function trimmer(): NativeFunction | null {
  try {
    return new NativeLibrary().bind('int malloc_trim(int64_t)');
  } catch {
    return null;
  }
}

function mappings(): readonly Mapping[] {
  const found: Mapping[] = [];
  for (const line of readFileSync('/proc/self/smaps', 'latin1').split('\n')) {
    const match = MAPPING.exec(line);
    if (match !== null) {
      const [, from = '', to = '', permissions = '', inode = '0'] = match;
      const start = Number.parseInt(from, 16);
      const isCode = inode !== '0' && /^r-[x-]p$/.test(permissions);
      found.push({ start, length: Number.parseInt(to, 16) - start, isCode, changedKiB: 0 });
    } else if (line.startsWith('Anonymous:')) {
      found.at(-1)!.changedKiB += Number.parseInt(line.slice('Anonymous:'.length), 10);
    }
  }
  return found;
}
