import { join } from 'node:path';
import { loadManifest, manifestValues } from '@weft/testing-mesh-deployment';
import { BenchCluster } from './bench-cluster.js';
import { loads, type LoadSizes } from './loads.js';
import { measure, medians, type Measurement } from './measure.js';
import { formatTable, type Row } from './table.js';
import { PEERS, workloads } from './workloads.js';

const FULL: LoadSizes & { rounds: number } = {
  requests: 50_000,
  transactionsPerClient: 1000,
  connectSeconds: 5,
  rounds: 5,
};
const QUICK: LoadSizes & { rounds: number } = {
  requests: 20_000,
  transactionsPerClient: 300,
  connectSeconds: 2,
  rounds: 3,
};

export interface ClusterSuiteOptions {
  readonly root: string;
  readonly quick: boolean;
  readonly json: boolean;
  readonly note: (text: string) => void;
}

/** Runs every load without the mesh and through it, in pods of a cluster of its own. Resolves with the exit status. */
export async function clusterSuite({ root, quick, json, note }: ClusterSuiteOptions): Promise<number> {
  const sizes = quick ? QUICK : FULL;
  const values = manifestValues(root);
  const options = {
    node: process.execPath,
    dist: join(root, 'dist/bench'),
    postgresUid: Number(values['postgresUid']),
  };
  const objects = [
    ...loadManifest(join(root, 'bench/manifests/bench.yaml'), values),
    ...PEERS.flatMap((peer) => workloads(peer, options)),
  ];
  const cluster = await BenchCluster.start({ root, onProgress: note, objects, namespaces: PEERS });
  for (const signal of ['SIGINT', 'SIGTERM'] as const)
    process.once(signal, () => void cluster.stop().finally(() => process.exit(1)));
  try {
    const all = loads(root, sizes);
    const rows: Row[] = [];
    for (const load of all) {
      for (const peer of PEERS) await load.prepare?.(cluster, peer);
      const rounds = new Map<string, Measurement[]>(PEERS.map((peer) => [peer, []]));
      for (let round = 1; round <= sizes.rounds; round++) {
        note(`${load.name}, round ${round} of ${sizes.rounds}`);
        for (const peer of PEERS) rounds.get(peer)!.push(await measure(cluster, load, peer));
      }
      for (const peer of PEERS) rows.push({ suite: 'cluster', load: load.name, peer, ...medians(rounds.get(peer)!) });
    }
    const memory = await cluster.meshResidentMiB();
    if (json) process.stdout.write(rows.map((row) => `${JSON.stringify(row)}\n`).join(''));
    else process.stdout.write(formatTable(rows, (name) => all.find((load) => load.name === name)?.what ?? ''));
    note(`ztunnel memory after the loads: ${memory.source.toFixed(0)} MiB and ${memory.destination.toFixed(0)} MiB`);
    return rows.some(({ errors }) => errors > 0) ? 1 : 0;
  } finally {
    await cluster.stop();
  }
}
