import type { BenchOptions } from '../options.js';
import { PeerError } from '../l4/bench-error.js';
import { BenchSite } from '../l4/bench-site.js';
import type { LoadOrder } from '../l4/client/load-order.js';
import { weft } from '../l4/peers/weft.js';
import { ScaleControlPlane } from './control-plane.js';

export interface ScaleOptions extends BenchOptions {
  readonly root: string;
  readonly note: (text: string) => void;
}

interface ScaleRow {
  readonly suite: 'scale';
  readonly load: string;
  readonly peer: 'weft';
  readonly [figure: string]: string | number;
}

const RECONNECT_WORKLOADS = 69_000;
const MOST_WORKLOADS = 200_000;
const WINDOW_MS = 8000;
/** Of the window, before the control plane goes. */
const BEFORE_MS = 1000;
const STEADY_MS = 1500;
const STEADY_MIB = 1;
const SYNC_DEADLINE_MS = 120_000;

/** Requests one after the other, so that their longest latency is the longest time in which the data path stood still. */
const REQUESTS: LoadOrder = { kind: 'exchange', connections: 1, bytes: 64, warmMs: 300, windowMs: WINDOW_MS };

/** What a large mesh costs a node: memory, and how long the data path stands still while all of it comes again. */
export async function scaleSuite({ root, json, note }: ScaleOptions): Promise<number> {
  if (process.getuid?.() !== 0) throw new PeerError('scale makes network namespaces: run it as root');
  const plane = new ScaleControlPlane();
  await plane.start();
  const site = await BenchSite.open({
    root,
    peers: (authority) => [weft(authority, { xdsAddress: plane.address })],
    maxConnections: 100,
    coldTargets: 1,
    profile: null,
  });
  const stop = (): void => void site.close().finally(() => process.exit(1));
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, stop);
  try {
    const [peer] = site.peers;
    if (peer === undefined || peer.error !== null) throw new PeerError(`weft does not run: ${peer?.error ?? ''}`);
    const rows = await measure(site, plane, note);
    for (const row of rows) process.stdout.write(json ? `${JSON.stringify(row)}\n` : lineOf(row));
    return 0;
  } finally {
    await site.close();
    await plane.stop();
  }
}

async function measure(site: BenchSite, plane: ScaleControlPlane, note: (text: string) => void): Promise<ScaleRow[]> {
  const row = (load: string, figures: Readonly<Record<string, number>>): ScaleRow => ({
    suite: 'scale',
    load,
    peer: 'weft',
    ...figures,
  });
  const rows = [row('known-2', { rssMiB: await steadyMiB(site) })];
  note(`${RECONNECT_WORKLOADS} workloads`);
  plane.grow(RECONNECT_WORKLOADS);
  rows.push(row(`known-${RECONNECT_WORKLOADS}`, { rssMiB: await steadyMiB(site) }));
  const quiet = await site.run('weft', REQUESTS);
  rows.push(row('undisturbed', { maxUs: quiet.maxUs, p99Us: quiet.p99Us, errors: quiet.errors }));
  const running = site.run('weft', REQUESTS);
  await new Promise((resolve) => setTimeout(resolve, BEFORE_MS));
  await plane.replace();
  const disturbed = await running;
  const { maxUs, p99Us, errors } = disturbed;
  rows.push(row(`reconnect-${RECONNECT_WORKLOADS}`, { maxUs, p99Us, errors, rssMiB: await steadyMiB(site) }));
  note(`${MOST_WORKLOADS} workloads`);
  plane.grow(MOST_WORKLOADS);
  rows.push(row(`known-${MOST_WORKLOADS}`, { rssMiB: await steadyMiB(site) }));
  return rows;
}

/** Resident memory of the larger ztunnel once it has stood still for a while. */
async function steadyMiB(site: BenchSite): Promise<number> {
  const endMs = performance.now() + SYNC_DEADLINE_MS;
  let last = 0;
  for (let still = 0; still < 2 && performance.now() < endMs;) {
    await new Promise((resolve) => setTimeout(resolve, STEADY_MS));
    const now = Math.max(...site.memory('weft'));
    still = Math.abs(now - last) < STEADY_MIB ? still + 1 : 0;
    last = now;
  }
  return Number(last.toFixed(1));
}

function lineOf(row: ScaleRow): string {
  const values = Object.entries(row).flatMap(([name, value]) =>
    typeof value === 'number' ? [`${name} ${value}`] : [],
  );
  return `  ${row.load.padEnd(18)}${values.join('  ')}\n`;
}
