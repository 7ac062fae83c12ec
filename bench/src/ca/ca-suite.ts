import { join } from 'node:path';
import { systemClock } from '@weft/runtime';
import { createCsr, formatSpiffeId } from '@weft/spiffe';
import { cpuSeconds, residentMiB } from '../l4/cpu-meter.js';
import { BenchCa, SYSTEM, WORKLOADS, type BenchPod } from './bench-ca.js';
import { caRow, formatCaTable, issueFigures, jsonOfCa, perCpu, type CaRow } from './ca-row.js';
import { Ceiling } from './ceiling.js';
import { issueLoad, type LoadedClient } from './issue-load.js';
import { NodeClient } from './node-client.js';
import { restartAll, type RestartNode } from './node-restart.js';

export interface CaSuiteOptions {
  readonly root: string;
  readonly quick: boolean;
  readonly json: boolean;
  readonly note: (text: string) => void;
}

interface Sizes {
  readonly rounds: number;
  /** Of each round and each peer. */
  readonly requests: number;
  readonly restartNodes: number;
  readonly identities: number;
}

const FULL: Sizes = { rounds: 5, requests: 10_000, restartNodes: 100, identities: 100_000 };
const QUICK: Sizes = { rounds: 3, requests: 3000, restartNodes: 20, identities: 20_000 };
const CLIENTS = 64;
const ACCOUNTS_PER_NODE = 8;
const PODS_PER_NODE = 100;
const TRUST_DOMAIN = 'cluster.local';
/** What the project promises of the raw ceiling. */
const PROMISED_PERCENT = 40;

/** Measures the CA beside what its signatures and its transport cost alone. Resolves with the exit status. */
export async function caSuite({ root, quick, json, note }: CaSuiteOptions): Promise<number> {
  const sizes = quick ? QUICK : FULL;
  const ca = await BenchCa.start(root);
  const ceiling = await Ceiling.start(join(root, 'dist/bench/ceiling.cjs'));
  try {
    const rows = [...(await issueRows(ca, ceiling, sizes, note))];
    rows.push(await restartRow(ca, sizes, note), await memoryRow(ca, sizes, note));
    process.stdout.write(json ? rows.map((row) => `${jsonOfCa(row)}\n`).join('') : formatCaTable(rows));
    if (!json) process.stdout.write(`${verdict(rows)}\n`);
    return rows.some(({ errors }) => errors > 0) ? 1 : 0;
  } finally {
    ceiling.stop();
    await ca.stop();
  }
}

async function issueRows(ca: BenchCa, ceiling: Ceiling, sizes: Sizes, note: (text: string) => void): Promise<CaRow[]> {
  const nodes = await startNodes(ca, 'proxy', CLIENTS, ACCOUNTS_PER_NODE);
  const requests = await Promise.all(
    nodes.map(({ spiffeIds }) =>
      Promise.all(spiffeIds.map(async (id) => NodeClient.request(id, (await createCsr(id)).csrPem))),
    ),
  );
  const connect = (port: number, rootsPem: string): LoadedClient[] =>
    nodes.map(({ token }, i) => {
      return { client: new NodeClient({ port, rootsPem, token }), requests: requests[i]! };
    });
  const toCa = connect(ca.port, ca.rootsPem);
  const toEmpty = connect(ceiling.port, ceiling.rootsPem);
  try {
    note('issue: warming up');
    await issueLoad(toCa, ca.pid, sizes.requests);
    await issueLoad(toEmpty, ceiling.pid, sizes.requests);
    const rounds = [];
    for (let round = 1; round <= sizes.rounds; round++) {
      note(`issue, round ${round} of ${sizes.rounds}`);
      const count = sizes.requests;
      const crypto = count / (await ceiling.measure({ work: 'crypto', count }));
      const issue = count / (await ceiling.measure({ work: 'issue', count }));
      const empty = await issueLoad(toEmpty, ceiling.pid, count);
      rounds.push({ crypto, issue, empty, ca: await issueLoad(toCa, ca.pid, count) });
    }
    return [
      caRow('issue', 'sign+verify', rounds.map(({ crypto }) => perCpu(crypto, crypto))),
      caRow('issue', 'libs/spiffe', rounds.map(({ crypto, issue }) => perCpu(issue, crypto))),
      caRow('issue', 'grpc-js', rounds.map(({ crypto, empty }) => issueFigures(empty, crypto)), rounds.map(({ empty }) => empty)),
      caRow('issue', 'ca', rounds.map((round) => issueFigures(round.ca, round.crypto)), rounds.map((round) => round.ca)),
    ]; // prettier-ignore
  } finally {
    for (const { client } of [...toCa, ...toEmpty]) client.close();
  }
}

async function restartRow(ca: BenchCa, sizes: Sizes, note: (text: string) => void): Promise<CaRow> {
  note(`restart: ${sizes.restartNodes * PODS_PER_NODE} pods on ${sizes.restartNodes} nodes`);
  const nodes = await startNodes(ca, 'restart', sizes.restartNodes, PODS_PER_NODE);
  const before = await ca.metric('weft_ca_requests_refused_total');
  const cpuBefore = cpuSeconds([ca.pid]);
  const { seconds, p50Ms, p99Ms, slowestMs, errors, firstError } = await restartAll(nodes, {
    port: ca.port,
    rootsPem: ca.rootsPem,
    clock: systemClock,
  });
  const figures = {
    pods: sizes.restartNodes * PODS_PER_NODE,
    ...{ seconds, p50Ms, p99Ms, slowestMs },
    toldToComeBack: (await ca.metric('weft_ca_requests_refused_total')) - before,
    cpuSeconds: cpuSeconds([ca.pid]) - cpuBefore,
  };
  return caRow('restart', 'ca', [figures], [{ errors, firstError }]);
}

async function memoryRow(ca: BenchCa, { identities }: Sizes, note: (text: string) => void): Promise<CaRow> {
  note(`memory: ${identities} identities`);
  const beforeMiB = residentMiB([ca.pid]);
  const known = await ca.metric('weft_ca_known_pods');
  for (let first = 0; first < identities; first += 1000) {
    const pods = Array.from({ length: Math.min(1000, identities - first) }, (_, i): BenchPod => {
      const name = `identity-${first + i}`;
      return { namespace: WORKLOADS, name, serviceAccount: name, node: `node-${(first + i) % 1000}` };
    });
    ca.addPods(pods);
    await new Promise((resolve) => setImmediate(resolve));
  }
  await ca.until('aware of all pods', async () => (await ca.metric('weft_ca_known_pods')) >= known + identities);
  const rssMiB = residentMiB([ca.pid]);
  const perIdentity = ((rssMiB - beforeMiB) * 1024) / identities;
  return caRow('memory', 'ca', [{ identities, rssMiBBefore: beforeMiB, rssMiB, rssKiBPerIdentity: perIdentity }]);
}

/** Nodes with a proxy and one pod for each service account, all known to the CA. */
async function startNodes(ca: BenchCa, prefix: string, nodes: number, accounts: number): Promise<RestartNode[]> {
  const known = await ca.metric('weft_ca_known_pods');
  const started: RestartNode[] = [];
  for (let n = 0; n < nodes; n++) {
    const node = `${prefix}-${n}`;
    const names = Array.from({ length: accounts }, (_, i) => `${node}-${i}`);
    ca.addPods(names.map((name) => ({ namespace: WORKLOADS, name, serviceAccount: name, node })));
    const [uid] = ca.addPods([{ namespace: SYSTEM, name: `ztunnel-${node}`, serviceAccount: 'ztunnel', node }]);
    const token = await ca.proxyToken(`ztunnel-${node}`, uid!);
    started.push({ token, spiffeIds: names.map((name) => formatSpiffeId(TRUST_DOMAIN, WORKLOADS, name)) });
  }
  const want = known + nodes * (accounts + 1);
  await ca.until('aware of all pods', async () => (await ca.metric('weft_ca_known_pods')) >= want);
  return started;
}

function verdict(rows: readonly CaRow[]): string {
  const percent = rows.find(({ load, peer }) => load === 'issue' && peer === 'ca')?.figures['ceilingPercent'] ?? 0;
  const met = percent >= PROMISED_PERCENT ? 'met' : 'MISSED';
  return `ca, gRPC included: ${percent.toFixed(0)} % of the CSRs that raw signatures allow; promised ${PROMISED_PERCENT} %: ${met}`;
}
