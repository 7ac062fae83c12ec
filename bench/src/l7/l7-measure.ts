import { join } from 'node:path';
import type { BenchCluster } from '../cluster/bench-cluster.js';
import type { LoadResult } from '../cluster/load/load-result.js';
import { BYTES, type L7Load } from './l7-loads.js';
import type { L7Peer } from './l7-workloads.js';
import { OUTBOUND_PORT } from './sidecar-config.js';

/** One run of one load through one peer. CPU seconds by process. */
export interface L7Sample {
  readonly result: LoadResult;
  readonly cpuSeconds: Readonly<Record<string, number>>;
}

export interface L7Run {
  readonly peer: L7Peer;
  readonly load: L7Load;
  readonly seconds: number;
  readonly root: string;
}

const READY_MS = 30_000;
const ENVOY = 'envoy/_bin/envoy';

export async function measureL7(cluster: BenchCluster, run: L7Run): Promise<L7Sample> {
  const meters = await metersOf(cluster, run.peer);
  const read = async (): Promise<readonly number[]> => Promise.all(Object.values(meters).map((meter) => meter()));
  const before = await read();
  const result = await runLoad(cluster, run);
  const after = await read();
  const cpuSeconds = Object.fromEntries(Object.keys(meters).map((name, i) => [name, after[i]! - before[i]!]));
  return { result, cpuSeconds };
}

type Meter = () => Promise<number>;

async function metersOf(cluster: BenchCluster, peer: L7Peer): Promise<Readonly<Record<string, Meter>>> {
  const pod = async (selector: string): Promise<string> => (await cluster.podOf(peer, selector)).name;
  const server = await pod('app=server');
  const common = { server: () => cluster.cpuOf('http-server.cjs', server) };
  if (peer === 'direct') return common;
  if (peer === 'envoy') {
    const client = await pod('app=client');
    return { ...common, source: () => cluster.cpuOf(ENVOY, client), destination: () => cluster.cpuOf(ENVOY, server) };
  }
  const waypoint = await pod('gateway.networking.k8s.io/gateway-name=wp');
  return {
    ...common,
    source: async () => (await cluster.meshCpu()).source,
    waypoint: () => cluster.cpuOf(ENVOY, waypoint),
    agent: () => cluster.cpuOf('proxy-agent/main.cjs', waypoint),
    destination: async () => (await cluster.meshCpu()).destination,
  };
}

/** Until requests get through, or the last reason why they do not. */
async function runLoad(cluster: BenchCluster, { peer, load, seconds, root }: L7Run): Promise<LoadResult> {
  const target = peer === 'envoy' ? `127.0.0.1:${OUTBOUND_PORT}` : `${await cluster.serviceAddress(peer, 'server')}:80`;
  const argv = [process.execPath, join(root, 'dist/bench/http-client.cjs'), '--target', target];
  const numbers = { connections: load.connections, bytes: BYTES, seconds, rate: load.perSecond };
  const flags = Object.entries(numbers).flatMap(([name, value]) => [`--${name}`, String(value)]);
  const endMs = Date.now() + READY_MS;
  for (;;) {
    try {
      const result = JSON.parse(await cluster.runInClient(peer, [...argv, ...flags])) as LoadResult;
      if (result.completed > 0 || Date.now() > endMs) return result;
    } catch (thrown) {
      if (Date.now() > endMs) throw thrown;
    }
    await new Promise((resolve) => setTimeout(resolve, 300));
  }
}
