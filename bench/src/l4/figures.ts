import type { LoadSample } from './client/load-order.js';
import type { L4LoadKind } from './loads.js';

/** Numbers with their unit in the name. */
export type Figures = Readonly<Record<string, number>>;

const GB = 1e9;
const PER_100K = 100_000;
const SIDES = ['source', 'destination', 'client', 'server'] as const;

/** What one window says. `cpuSecondsPer...` is both proxies together; of the single processes it is named before it. */
export function figuresOf(kind: Exclude<L4LoadKind, 'idle'>, sample: LoadSample): Figures {
  const { cpuSeconds, seconds, bytes, operations, p50Us, p99Us } = sample;
  const pair = (cpuSeconds['source'] ?? 0) + (cpuSeconds['destination'] ?? 0);
  const each = (unit: string, amount: number): Figures =>
    Object.fromEntries([
      [`cpuSecondsPer${unit}`, pair / amount],
      ...SIDES.map((side) => [`${side}CpuSecondsPer${unit}`, (cpuSeconds[side] ?? 0) / amount] as const),
    ]);
  if (kind === 'bulk') {
    const amount = bytes / GB;
    return amount === 0 ? {} : { gbitPerSecond: (amount * 8) / seconds, ...each('GB', amount) };
  }
  if (operations === 0) return {};
  const latencies = { p50Us, p99Us, ...each('100k', operations / PER_100K) };
  if (kind === 'exchange' || kind === 'paced') return { requestsPerSecond: operations / seconds, ...latencies };
  return {
    connectsPerSecond: operations / seconds,
    ...(pair === 0 ? {} : { connectsPerCpuSecond: operations / pair }),
    ...latencies,
  };
}

/** MiB of source and destination. */
export type PairMemory = readonly [source: number, destination: number];

/**
 * All figures are of the larger of the two proxies. Memory per connection is what the last `more` connections added to that
 * with the first `few`.
 */
export function memoryFigures(
  { idle, withFew, withAll }: { readonly idle: PairMemory; readonly withFew: PairMemory; readonly withAll: PairMemory },
  few: number,
  more: number,
): Figures {
  const perConnection = withAll.map((mib, side) => ((mib - withFew[side]!) * 1024) / Math.max(1, more));
  return {
    connections: few + more,
    idleRssMiB: Math.max(...idle),
    rssMiB: Math.max(...withAll),
    rssKiBPerConnection: Math.max(...perConnection),
  };
}

/** The middle of each figure over the rounds: one slow round of a busy machine does not decide. */
export function medianFigures(rounds: readonly Figures[]): Figures {
  const names = new Set(rounds.flatMap((round) => Object.keys(round)));
  return Object.fromEntries(
    [...names].map((name) => {
      const values = rounds.flatMap((round) => round[name] ?? []).sort((a, b) => a - b);
      const half = values.length >> 1;
      const middle = values.length % 2 === 1 ? values[half]! : (values[half - 1]! + values[half]!) / 2;
      return [name, middle];
    }),
  );
}
