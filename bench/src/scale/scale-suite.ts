import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { BenchOptions } from '../options.js';
import { PeerError } from '../l4/bench-error.js';
import { BenchSite } from '../l4/bench-site.js';
import type { LoadSample } from '../l4/client/load-order.js';
import { weft, type SliceProbe } from '../l4/peers/weft.js';
import { ScaleControlPlane } from './control-plane.js';
import { longestSliceUs } from './long-slices.js';

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
const UNDISTURBED_MS = 8000;
/** Longer ones are for machines that do not get it all through in the first. */
const RECONNECT_MS = [12_000, 30_000, 60_000];
/** Of the window, before the control plane goes. */
const BEFORE_MS = 1000;
const STEADY_MS = 1500;
const STEADY_MIB = 1;
const SYNC_DEADLINE_MS = 120_000;

/** What a reconnect may cost the data path. */
const MOST_STALL_US = 12_000;
const ROLES = ['source', 'destination'];

/** What a large mesh costs a node: memory, and how long the data path stands still while all of it comes again. */
export async function scaleSuite({ root, json, note }: ScaleOptions): Promise<number> {
  if (process.getuid?.() !== 0) throw new PeerError('scale makes network namespaces: run it as root');
  const directory = mkdtempSync(join(tmpdir(), 'weft-slices-'));
  const sliceProbe: SliceProbe = {
    preload: join(root, 'dist/bench/slice-probe.cjs'),
    file: (role) => join(directory, role),
  };
  const plane = new ScaleControlPlane();
  await plane.start();
  const site = await BenchSite.open({
    root,
    path: 'redirected',
    peers: (authority) => [weft(authority, { xdsAddress: plane.address, sliceProbe })],
    maxConnections: 100,
    coldTargets: 1,
    profile: null,
  });
  const stop = (): void => void site.close().finally(() => process.exit(1));
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, stop);
  try {
    const [peer] = site.peers;
    if (peer === undefined || peer.error !== null) throw new PeerError(`weft does not run: ${peer?.error ?? ''}`);
    const rows = await measure({ site, plane, sliceProbe, note });
    for (const row of rows) process.stdout.write(json ? `${JSON.stringify(row)}\n` : lineOf(row));
    if (!json) process.stdout.write(verdictOf(rows));
    return 0;
  } finally {
    await site.close();
    await plane.stop();
    rmSync(directory, { recursive: true, force: true });
  }
}

interface Measured {
  readonly site: BenchSite;
  readonly plane: ScaleControlPlane;
  readonly sliceProbe: SliceProbe;
  readonly note: (text: string) => void;
}

async function measure({ site, plane, sliceProbe, note }: Measured): Promise<ScaleRow[]> {
  const row = (load: string, figures: Readonly<Record<string, number>>): ScaleRow => ({
    suite: 'scale',
    load,
    peer: 'weft',
    ...figures,
  });
  const rows = [row('known-2', { rssMiB: await steadyMiB(site, plane) })];
  note(`${RECONNECT_WORKLOADS} workloads`);
  plane.grow(RECONNECT_WORKLOADS);
  rows.push(row(`known-${RECONNECT_WORKLOADS}`, { rssMiB: await steadyMiB(site, plane) }));
  rows.push(row('undisturbed', await stalls(sliceProbe, requests(site, UNDISTURBED_MS))));
  const reconnect = await reconnected({ site, plane, sliceProbe, note });
  rows.push(row(`reconnect-${RECONNECT_WORKLOADS}`, { ...reconnect, rssMiB: await steadyMiB(site, plane) }));
  note(`${MOST_WORKLOADS} workloads`);
  plane.grow(MOST_WORKLOADS);
  rows.push(row(`known-${MOST_WORKLOADS}`, { rssMiB: await steadyMiB(site, plane) }));
  return rows;
}

/** Requests while the control plane goes, comes back, and has told everything again. */
async function reconnected({ site, plane, sliceProbe, note }: Measured): Promise<Readonly<Record<string, number>>> {
  for (const windowMs of RECONNECT_MS) {
    const running = stalls(sliceProbe, requests(site, windowMs));
    await new Promise((resolve) => setTimeout(resolve, BEFORE_MS));
    await plane.replace();
    const figures = await running;
    if (plane.synced) return figures;
    note(`not everything had come again after ${windowMs} ms`);
    await steadyMiB(site, plane);
  }
  throw new PeerError(`the ztunnels were not told everything within ${RECONNECT_MS.at(-1)} ms`);
}

/**
 * Requests one after the other: what a worker thread does between two answers, and is not the request, is for how long the data
 * path stands still. By the clock the same shows in the longest latency, with whatever else the machine does.
 */
function requests(site: BenchSite, windowMs: number): Promise<LoadSample> {
  const stallsOf = site.threads('weft', 'data-plane-0');
  if (stallsOf.length !== ROLES.length)
    throw new PeerError(`want one worker in each ztunnel, found ${stallsOf.length}`);
  return site.run('weft', {
    kind: 'exchange',
    connections: 1,
    bytes: 64,
    warmMs: 300,
    windowMs,
    stallsOf,
  });
}

async function stalls({ file }: SliceProbe, running: Promise<LoadSample>): Promise<Readonly<Record<string, number>>> {
  const fromMs = Date.now();
  const { maxUs, p99Us, maxStallUs, errors } = await running;
  const slices = ROLES.map((role) => longestSliceUs(file(role), fromMs, Date.now()));
  return { workerStallUs: Math.round(maxStallUs), mainSliceUs: Math.max(...slices), maxUs, p99Us, errors };
}

function verdictOf(rows: readonly ScaleRow[]): string {
  const stall = Number(rows.find(({ load }) => load === `reconnect-${RECONNECT_WORKLOADS}`)?.['workerStallUs']);
  return `reconnect: the data path stands still for ${stall} us, at most ${MOST_STALL_US}: ${stall <= MOST_STALL_US ? 'met' : 'missed'}\n`;
}

/** Resident memory of the larger ztunnel once both know everything and it has stood still for a while. */
async function steadyMiB(site: BenchSite, plane: ScaleControlPlane): Promise<number> {
  const endMs = performance.now() + SYNC_DEADLINE_MS;
  let last = 0;
  for (let still = 0; still < 2 && performance.now() < endMs;) {
    await new Promise((resolve) => setTimeout(resolve, STEADY_MS));
    const now = Math.max(...site.memory('weft'));
    still = plane.synced && Math.abs(now - last) < STEADY_MIB ? still + 1 : 0;
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
