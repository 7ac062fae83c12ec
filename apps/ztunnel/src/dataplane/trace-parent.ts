import { randomFillSync } from 'node:crypto';

const ID_BYTES = 24;
const pool = Buffer.alloc(ID_BYTES * 256);
let used = pool.length;

/** A fresh W3C `traceparent`, not sampled. Random bytes are fetched for many at a time. */
export function traceParent(): string {
  if (used === pool.length) {
    randomFillSync(pool);
    used = 0;
  }
  const random = pool.toString('hex', used, used + ID_BYTES);
  used += ID_BYTES;
  return `00-${random.slice(0, 32)}-${random.slice(32)}-00`;
}
