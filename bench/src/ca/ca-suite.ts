import { join } from 'node:path';
import { systemClock } from '@weft/runtime';
import { formatSpiffeId } from '@weft/spiffe';
import { cpuSeconds, residentMiB } from '../l4/cpu-meter.js';
import { BenchCa, SYSTEM, WORKLOADS, type BenchPod } from './bench-ca.js';
import { caRow, formatCaTable, issueFigures, jsonOfCa, perCpu, type CaRow } from './ca-row.js';
import { Ceiling } from './ceiling.js';
import { IssueClients } from './issue-clients.js';
import { issueLoad, type IssueSample } from './issue-load.js';
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
/** As many as a ztunnel has under way. */
const IN_FLIGHT = 8;
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

/** Of one round: operations per CPU second, and what was served. */
interface Round {
  readonly crypto: number;
  readonly issue: number;
  readonly empty: IssueSample;
  readonly served: IssueSample;
  readonly single: IssueSample;
  readonly grpcJs: IssueSample;
}

async function issueRows(ca: BenchCa, ceiling: Ceiling, sizes: Sizes, note: (text: string) => void): Promise<CaRow[]> {
  const nodes = await startNodes(ca, 'proxy', CLIENTS, ACCOUNTS_PER_NODE);
  const loads = {
    ca: await IssueClients.open(nodes, ca, { kind: 'wire', inFlight: IN_FLIGHT }),
    single: await IssueClients.open(nodes, ca, { kind: 'wire', inFlight: 1 }),
    grpcJs: await IssueClients.open(nodes, ca, { kind: 'grpc-js', inFlight: IN_FLIGHT }),
    empty: await IssueClients.open(nodes, ceiling, { kind: 'wire', inFlight: IN_FLIGHT }),
  };
  try {
    note('issue: warming up');
    for (const { asks, pid } of Object.values(loads)) await issueLoad(asks, pid, sizes.requests);
    const rounds: Round[] = [];
    for (let round = 1; round <= sizes.rounds; round++) {
      note(`issue, round ${round} of ${sizes.rounds}`);
      const count = sizes.requests;
      const run = ({ asks, pid }: IssueClients): Promise<IssueSample> => issueLoad(asks, pid, count);
      const crypto = count / (await ceiling.measure({ work: 'crypto', count }));
      const issue = count / (await ceiling.measure({ work: 'issue', count }));
      const [empty, served] = [await run(loads.empty), await run(loads.ca)];
      rounds.push({ crypto, issue, empty, served, single: await run(loads.single), grpcJs: await run(loads.grpcJs) });
    }
    const row = (peer: string, of: 'empty' | 'served' | 'single' | 'grpcJs'): CaRow =>
      caRow('issue', peer, rounds.map((round) => issueFigures(round[of], round.crypto)), rounds.map((round) => round[of])); // prettier-ignore
    return [
      caRow('issue', 'sign+verify', rounds.map(({ crypto }) => perCpu(crypto, crypto))),
      caRow('issue', 'libs/spiffe', rounds.map(({ crypto, issue }) => perCpu(issue, crypto))),
      row('fixed answer', 'empty'),
      row('ca', 'served'),
      row('ca, clients of grpc-js', 'grpcJs'),
      row('ca, one in flight', 'single'),
    ]; // prettier-ignore
  } finally {
    for (const load of Object.values(loads)) load.close();
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
