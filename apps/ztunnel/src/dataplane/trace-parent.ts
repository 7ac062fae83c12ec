import { randomFillSync } from 'node:crypto';
import type { HboneRequest } from '@weft/hbone';

const ID_BYTES = 24;
const pool = Buffer.alloc(ID_BYTES * 256);
let used = pool.length;

/** W3C Trace Context, version 00, with the flag `sampled`; ids of zeros only are not valid. */
const SAMPLED = /^00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f][13579bdf]$/;

/** A fresh W3C `traceparent`. Random bytes are fetched for many at a time. */
export function traceParent(sampled: boolean): string {
  if (used === pool.length) {
    randomFillSync(pool);
    used = 0;
  }
  const random = pool.toString('hex', used, used + ID_BYTES);
  used += ID_BYTES;
  return `00-${random.slice(0, 32)}-${random.slice(32)}-${sampled ? '01' : '00'}`;
}

export function isSampled(parent: string): boolean {
  return SAMPLED.test(parent);
}

/** The `traceparent` of a request whose sender wants it followed; null for none. */
export function sampledParent({ headers }: HboneRequest): string | null {
  const given = headers.filter(([name]) => name === 'traceparent');
  return given.length === 1 && isSampled(given[0]![1]) ? given[0]![1] : null;
}
