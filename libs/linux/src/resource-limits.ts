import { libc } from './libc.js';
import { Memory } from './memory.js';
import { checked } from './system-call-error.js';

const RLIMIT_NOFILE = 7;

/** Raises the limit of open descriptors to what the process may have; returns it. Every connection takes two. */
export function raiseOpenFileLimit(): number {
  const limit = Memory.allocate(64);
  checked(libc().getrlimit(RLIMIT_NOFILE, limit.addressAt(0, 16)), 'getrlimit');
  const hard = limit.bytes.readBigUInt64LE(8);
  limit.bytes.writeBigUInt64LE(hard, 0);
  checked(libc().setrlimit(RLIMIT_NOFILE, limit.addressAt(0, 16)), 'setrlimit');
  return hard > BigInt(Number.MAX_SAFE_INTEGER) ? Number.POSITIVE_INFINITY : Number(hard);
}
