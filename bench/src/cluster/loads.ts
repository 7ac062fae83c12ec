import { join } from 'node:path';
import type { BenchCluster } from './bench-cluster.js';
import { Latencies } from '../latencies.js';
import type { LoadResult } from './load/load-result.js';
import { ECHO_PORT, POSTGRES_PORT, type Peer } from './workloads.js';

export interface Load {
  readonly name: string;
  readonly what: string;
  /** Part of the server's command line that tells its process. */
  serverMarker(peer: Peer): string;
  prepare?(cluster: BenchCluster, peer: Peer): Promise<void>;
  run(cluster: BenchCluster, peer: Peer): Promise<LoadResult>;
}

export interface LoadSizes {
  readonly requests: number;
  readonly transactionsPerClient: number;
  readonly connectSeconds: number;
}

export function loads(root: string, sizes: LoadSizes): readonly Load[] {
  const client = join(root, 'dist/bench/load-client.cjs');
  const echoMarker = (peer: Peer): string => `load-server.cjs ${ECHO_PORT} ${peer}`;
  const echo = async (cluster: BenchCluster, peer: Peer, args: readonly string[]): Promise<LoadResult> => {
    const target = `${await cluster.serviceAddress(peer, 'echo')}:${ECHO_PORT}`;
    return JSON.parse(
      await cluster.runInClient(peer, [process.execPath, client, ...args, '--target', target]),
    ) as LoadResult;
  };
  return [
    {
      name: 'rr-64x1KiB',
      what: '64 connections, 1 KiB request and response',
      serverMarker: echoMarker,
      run: (cluster, peer) =>
        echo(cluster, peer, ['rr', '--connections', '64', '--bytes', '1024', '--requests', String(sizes.requests)]),
    },
    {
      name: 'connects-1000',
      what: '1,000 new connections a second, 64 B each way',
      serverMarker: echoMarker,
      run: (cluster, peer) =>
        echo(cluster, peer, ['connects', '--rate', '1000', '--seconds', String(sizes.connectSeconds)]),
    },
    {
      name: 'pgbench-16',
      what: 'pgbench -S, 16 clients',
      serverMarker: (peer) => `cluster_name=${peer}`,
      prepare: async (cluster, peer) => {
        await pgbench(cluster, peer, '-i -q -s 1');
      },
      run: async (cluster, peer) => {
        const start = performance.now();
        const log = await pgbench(
          cluster,
          peer,
          `-n -S -c 16 -j 2 -t ${sizes.transactionsPerClient} -l --log-prefix=$dir/log`,
        );
        return pgbenchResult(log, 16 * sizes.transactionsPerClient, (performance.now() - start) / 1000);
      },
    },
  ];
}

/** Prints the transaction log, if one was asked for. */
async function pgbench(cluster: BenchCluster, peer: Peer, args: string): Promise<string> {
  const host = await cluster.serviceAddress(peer, 'postgres');
  const script = [
    'PATH=$(ls -d /usr/lib/postgresql/*/bin | tail -n 1):$PATH',
    'dir=$(mktemp -d)',
    'trap "rm -r $dir" EXIT',
    `pgbench -h ${host} -p ${POSTGRES_PORT} -U postgres ${args} postgres > $dir/out 2>&1 || { cat $dir/out >&2; exit 1; }`,
    'cat $dir/log* 2>/dev/null || true',
  ];
  return cluster.runInClient(peer, ['sh', '-ec', script.join('\n')]);
}

/** The third column of pgbench's log is the latency of a transaction in microseconds. */
export function pgbenchResult(log: string, expected: number, seconds: number): LoadResult {
  const latencies = new Latencies();
  for (const line of log.split('\n')) {
    const us = Number(line.split(' ')[2]);
    if (line !== '' && Number.isFinite(us)) latencies.add(us);
  }
  const errors = expected - latencies.count;
  return {
    completed: latencies.count,
    errors,
    firstError: errors > 0 ? 'transactions are missing in the log of pgbench' : null,
    seconds,
    p50Us: latencies.quantile(0.5),
    p99Us: latencies.quantile(0.99),
  };
}
