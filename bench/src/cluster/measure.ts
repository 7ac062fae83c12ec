import type { BenchCluster } from './bench-cluster.js';
import type { Load } from './loads.js';
import type { Peer } from './workloads.js';

/** One run of one load through one peer. Times are CPU seconds. */
export interface Measurement {
  readonly perSecond: number;
  readonly p50Us: number;
  readonly p99Us: number;
  readonly errors: number;
  readonly firstError: string | null;
  readonly sourceProxyCpuSecondsPer100k: number;
  readonly destinationProxyCpuSecondsPer100k: number;
  readonly serverCpuSecondsPer100k: number;
}

export async function measure(cluster: BenchCluster, load: Load, peer: Peer): Promise<Measurement> {
  const marker = load.serverMarker(peer);
  const [meshBefore, serverBefore] = await Promise.all([cluster.meshCpu(), cluster.serverCpu(marker)]);
  const result = await load.run(cluster, peer);
  const [meshAfter, serverAfter] = await Promise.all([cluster.meshCpu(), cluster.serverCpu(marker)]);
  const per100k = (seconds: number): number => (result.completed === 0 ? 0 : (seconds / result.completed) * 100_000);
  return {
    perSecond: result.completed / result.seconds,
    p50Us: result.p50Us,
    p99Us: result.p99Us,
    errors: result.errors,
    firstError: result.firstError,
    sourceProxyCpuSecondsPer100k: per100k(meshAfter.source - meshBefore.source),
    destinationProxyCpuSecondsPer100k: per100k(meshAfter.destination - meshBefore.destination),
    serverCpuSecondsPer100k: per100k(serverAfter - serverBefore),
  };
}

/** The middle of each figure over the rounds, errors added up: one slow round of a busy machine does not decide. */
export function medians(rounds: readonly Measurement[]): Measurement {
  const middle = (key: Exclude<keyof Measurement, 'firstError'>): number => {
    const sorted = rounds.map((round) => round[key]).sort((a, b) => a - b);
    return sorted[Math.floor(sorted.length / 2)] ?? 0;
  };
  return {
    perSecond: middle('perSecond'),
    p50Us: middle('p50Us'),
    p99Us: middle('p99Us'),
    errors: rounds.reduce((sum, { errors }) => sum + errors, 0),
    firstError: rounds.find(({ firstError }) => firstError !== null)?.firstError ?? null,
    sourceProxyCpuSecondsPer100k: middle('sourceProxyCpuSecondsPer100k'),
    destinationProxyCpuSecondsPer100k: middle('destinationProxyCpuSecondsPer100k'),
    serverCpuSecondsPer100k: middle('serverCpuSecondsPer100k'),
  };
}
