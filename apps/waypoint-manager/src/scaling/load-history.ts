import type { LoadScaling, ScalingSettings } from './scaling-settings.js';

/** What one proxy says of itself; the first and the last only ever grow. */
export interface ProxyReading {
  readonly requests: number;
  readonly connections: number;
  readonly cpuSeconds: number;
}

/** What all proxies of a Gateway carried between two looks. */
export interface LoadSample {
  readonly requestsPerSecond: number;
  readonly connections: number;
  readonly cpu: number;
  /** Proxies that are ready and gave no answer, or are too new to be compared. */
  readonly unknown: number;
}

/** As the autoscaler of Kubernetes: what is within a tenth of the target is on target. */
const TOLERANCE = 0.1;

/**
 * Decides about the number of proxies of one Gateway from what they say, look by look. Out at once; in only when fewer were
 * enough all through the quiet time, so that it never flaps; to zero when nothing at all came through for the idle time.
 */
export class LoadHistory {
  #readings = new Map<string, { readonly reading: ProxyReading; readonly atMs: number }>();
  /** What was asked for at each look, as far back as the quiet time. */
  #wanted: { readonly atMs: number; readonly replicas: number }[] = [];
  #busyAtMs: number;

  /** At the beginning it counts as busy: nobody knows what was before. */
  constructor(private readonly startedMs: number) {
    this.#busyAtMs = startedMs;
  }

  /** A proxy that gave no answer is null. */
  look(readings: ReadonlyMap<string, ProxyReading | null>, nowMs: number): LoadSample {
    let [requestsPerSecond, connections, cpu, unknown] = [0, 0, 0, 0];
    const next = new Map<string, { readonly reading: ProxyReading; readonly atMs: number }>();
    for (const [pod, reading] of readings) {
      const before = this.#readings.get(pod);
      if (reading === null) {
        unknown++;
        if (before !== undefined) next.set(pod, before);
        continue;
      }
      next.set(pod, { reading, atMs: nowMs });
      connections += reading.connections;
      const seconds = before === undefined ? 0 : (nowMs - before.atMs) / 1000;
      if (before === undefined || seconds <= 0) {
        unknown++;
        continue;
      }
      requestsPerSecond += grown(before.reading.requests, reading.requests) / seconds;
      cpu += grown(before.reading.cpuSeconds, reading.cpuSeconds) / seconds;
    }
    this.#readings = next;
    if (requestsPerSecond > 0 || connections > 0 || unknown > 0) this.#busyAtMs = nowMs;
    return { requestsPerSecond, connections, cpu, unknown };
  }

  /** It was started by somebody who waits: the idle time begins anew. */
  woken(nowMs: number): void {
    this.#busyAtMs = nowMs;
  }

  /** How many there should be. `current` is at least one. */
  decide(sample: LoadSample, current: number, { settings, nowMs }: DecisionContext): number {
    if (settings.toZero && nowMs - this.#busyAtMs >= settings.idleMs) return 0;
    const { byLoad } = settings;
    if (byLoad === null) return current;
    const now = demand(sample, current, byLoad);
    this.#wanted.push({ atMs: nowMs, replicas: now });
    this.#wanted = this.#wanted.filter(({ atMs }) => nowMs - atMs <= byLoad.quietMs);
    const covered = nowMs - this.startedMs >= byLoad.quietMs;
    const highest = Math.max(...this.#wanted.map(({ replicas }) => replicas));
    const inBounds = (count: number) => Math.min(byLoad.max, Math.max(byLoad.min, count));
    if (now > current) return inBounds(now);
    return inBounds(covered ? Math.min(current, highest) : current);
  }
}

export interface DecisionContext {
  readonly settings: ScalingSettings;
  readonly nowMs: number;
}

/** Who says nothing counts as idle where that would add proxies, and as fully used where it would take some away. */
function demand(sample: LoadSample, current: number, { requestsPerSecond, connections, cpu }: LoadScaling): number {
  const uses = [sample.requestsPerSecond / requestsPerSecond, sample.connections / connections, sample.cpu / cpu];
  const proxies = Math.max(...uses);
  if (Math.abs(proxies / current - 1) <= TOLERANCE) return current;
  const wanted = Math.max(1, Math.ceil(proxies));
  return wanted < current ? Math.min(current, Math.ceil(proxies + sample.unknown)) : wanted;
}

/** A counter that is smaller than before began anew. */
const grown = (before: number, now: number): number => (now >= before ? now - before : now);
