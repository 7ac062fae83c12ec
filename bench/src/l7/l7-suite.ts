import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { BenchCluster } from '../cluster/bench-cluster.js';
import { BenchAuthority } from '../l4/peers/bench-authority.js';
import { envoyBinary } from '../l4/peers/envoy.js';
import { writeCertificates } from '../l4/peers/peer-certificates.js';
import { L7_LOADS } from './l7-loads.js';
import { measureL7, type L7Sample } from './l7-measure.js';
import { formatL7, jsonOfL7, rowOf, type L7Row } from './l7-row.js';
import { CONFIG_FILES, HTTP_PORT, L7_PEERS, l7Workloads } from './l7-workloads.js';
import { inboundConfig, outboundConfig } from './sidecar-config.js';

export interface L7SuiteOptions {
  readonly root: string;
  readonly quick: boolean;
  readonly json: boolean;
  readonly note: (text: string) => void;
}

/** Workers of every Envoy, the waypoint's included. */
const CONCURRENCY = 2;
const FULL = { rounds: 5, seconds: 5 };
const QUICK = { rounds: 3, seconds: 2 };

/** The same HTTP load through nothing, a waypoint, and a pair of Envoys, in pods of a cluster of its own. Resolves with the exit status. */
export async function l7Suite({ root, quick, json, note }: L7SuiteOptions): Promise<number> {
  const { rounds, seconds } = quick ? QUICK : FULL;
  // Below the workspace, which the pods of the cluster see.
  const directory = join(root, 'tmp', `bench-l7-${process.pid}`);
  mkdirSync(directory, { recursive: true });
  const options = { root, directory, envoyPath: envoyBinary(root), concurrency: CONCURRENCY };
  const objects = L7_PEERS.flatMap((peer) => l7Workloads(peer, options));
  const cluster = await BenchCluster.start({ root, onProgress: note, objects, namespaces: L7_PEERS });
  for (const signal of ['SIGINT', 'SIGTERM'] as const)
    process.once(signal, () => void cluster.stop().finally(() => process.exit(1)));
  try {
    await configureEnvoys(cluster, directory);
    for (const peer of L7_PEERS) await measureL7(cluster, { peer, load: L7_LOADS[0]!, seconds: 1, root });
    const rows: L7Row[] = [];
    for (const load of L7_LOADS) {
      const samples = new Map<string, L7Sample[]>(L7_PEERS.map((peer) => [peer, []]));
      for (let round = 1; round <= rounds; round++) {
        note(`${load.name}, round ${round} of ${rounds}`);
        for (const peer of L7_PEERS) samples.get(peer)!.push(await measureL7(cluster, { peer, load, seconds, root }));
      }
      for (const peer of L7_PEERS) rows.push(rowOf(load.name, peer, samples.get(peer)!));
    }
    process.stdout.write(json ? rows.map((row) => `${jsonOfL7(row)}\n`).join('') : formatL7(rows, L7_LOADS));
    return rows.some(({ errors }) => errors > 0) ? 1 : 0;
  } finally {
    await cluster.stop();
    rmSync(directory, { recursive: true, force: true });
  }
}

async function configureEnvoys(cluster: BenchCluster, directory: string): Promise<void> {
  const authority = await BenchAuthority.start();
  try {
    const certificates = await writeCertificates(directory, authority);
    const { ip } = await cluster.podOf('envoy', 'app=server');
    const write = (file: string, config: object): void => writeFileSync(join(directory, file), JSON.stringify(config));
    write(CONFIG_FILES.server, inboundConfig(HTTP_PORT, certificates, join(directory, 'inbound.log')));
    write(CONFIG_FILES.client, outboundConfig(ip, certificates, join(directory, 'outbound.log')));
  } finally {
    authority.close();
  }
}
