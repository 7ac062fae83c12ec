import { parseArgs } from 'node:util';
import { toError } from '@weft/result';
import { BenchCluster } from './bench-cluster.js';
import { loads, type LoadSizes } from './loads.js';
import { measure, medians, type Measurement } from './measure.js';
import { formatTable, type Row } from './table.js';
import { PEERS } from './workloads.js';

const SUITES = ['l4'];
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

const HELP = `weft bench [l4] [--quick] [--json]

Runs each load without the mesh and through it, in turn, on a two-node cluster of its own, and prints the medians.
CPU is user and system time of the proxy on the client's node (source), on the server's node (destination), and of the server.
`;

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      quick: { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  if (values.help) {
    process.stdout.write(HELP);
    return 0;
  }
  const unknown = positionals.find((name) => !SUITES.includes(name));
  if (unknown !== undefined) {
    process.stderr.write(`weft bench: there is no suite ${unknown}; there are ${SUITES.join(', ')}\n`);
    return 2;
  }
  const root = process.env['WEFT_ROOT'] ?? process.cwd();
  const sizes = values.quick ? QUICK : FULL;
  const note = (text: string): void => void process.stderr.write(`weft bench: ${text}\n`);
  const cluster = await BenchCluster.start(root, note);
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
      for (const peer of PEERS) rows.push({ suite: 'l4', load: load.name, peer, ...medians(rounds.get(peer)!) });
    }
    const memory = await cluster.meshResidentMiB();
    if (values.json) process.stdout.write(rows.map((row) => `${JSON.stringify(row)}\n`).join(''));
    else process.stdout.write(formatTable(rows, (name) => all.find((load) => load.name === name)?.what ?? ''));
    note(`ztunnel memory after the loads: ${memory.source.toFixed(0)} MiB and ${memory.destination.toFixed(0)} MiB`);
    return rows.some(({ errors }) => errors > 0) ? 1 : 0;
  } finally {
    await cluster.stop();
  }
}

void main().then(
  (code) => process.exit(code),
  (thrown: unknown) => {
    process.stderr.write(`weft bench: ${toError(thrown).message}\n`);
    process.exit(1);
  },
);
