/** Numbers of buckets, and how many latencies fell into each. */
export type LatencyBuckets = readonly (readonly [bucket: number, count: number])[];

/** Latencies in microseconds, kept in buckets that are never wider than 1/64 of their value, so memory does not grow. */
export class Latencies {
  readonly #counts = new Map<number, number>();
  #total = 0;

  static together(parts: readonly Latencies[]): Latencies {
    return Latencies.ofBuckets(parts.flatMap((part) => part.buckets()));
  }

  static ofBuckets(buckets: LatencyBuckets): Latencies {
    const all = new Latencies();
    for (const [bucket, count] of buckets) all.#add(bucket, count);
    return all;
  }

  add(microseconds: number): void {
    this.#add(bucketOf(microseconds), 1);
  }

  /** For `ofBuckets`, on another thread perhaps. */
  buckets(): LatencyBuckets {
    return [...this.#counts];
  }

  #add(bucket: number, count: number): void {
    this.#counts.set(bucket, (this.#counts.get(bucket) ?? 0) + count);
    this.#total += count;
  }

  get count(): number {
    return this.#total;
  }

  /** The value that `fraction` (0 to 1) of all are at or below; 0 if there are none. */
  quantile(fraction: number): number {
    const rank = Math.max(1, Math.ceil(this.#total * fraction));
    let seen = 0;
    for (const [bucket, count] of [...this.#counts].sort(([a], [b]) => a - b)) {
      seen += count;
      if (seen >= rank) return upperBound(bucket);
    }
    return 0;
  }
}

const STEPS = 64;

function bucketOf(value: number): number {
  const whole = Math.max(0, Math.round(value));
  if (whole < STEPS) return whole;
  const exponent = 31 - Math.clz32(whole) - 6;
  return STEPS * (exponent + 1) + (whole >>> exponent) - STEPS;
}

function upperBound(bucket: number): number {
  if (bucket < STEPS) return bucket;
  const exponent = Math.floor(bucket / STEPS) - 1;
  return ((bucket % STEPS) + STEPS + 1) * 2 ** exponent - 1;
}
