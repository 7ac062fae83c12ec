import { mkdirSync } from 'node:fs';
import { arch, availableParallelism, cpus, release } from 'node:os';
import { resolve } from 'node:path';
import { raiseOpenFileLimit } from '@weft/linux';
import type { BenchOptions, L4Path } from '../options.js';
import { PeerError } from './bench-error.js';
import { BenchSite, type SitePeer } from './bench-site.js';
import { formatL4Table, formatOutcomes } from './l4-table.js';
import { FULL, L4_LOADS, QUICK, type L4Load, type L4LoadKind } from './loads.js';
import { peersOf } from './peers/all-peers.js';
import { jsonOf, withAddedLatency, type L4Row } from './row.js';
import { SuiteRunner } from './suite-runner.js';
import { outcomes } from './targets.js';

export interface L4SuiteOptions extends BenchOptions {
  readonly root: string;
  readonly note: (text: string) => void;
}

/** Descriptors that a process needs beside its connections. */
const SPARE_DESCRIPTORS = 500;
const SIGNALS = ['SIGINT', 'SIGTERM'] as const;

/** Runs every load through every peer in turn, and again; prints the medians. Resolves with the exit status. */
export async function l4Suite(options: L4SuiteOptions): Promise<number> {
  const { json, note } = options;
  if (process.getuid?.() !== 0) throw new PeerError('l4 makes network namespaces: run it as root');
  const began = performance.now();
  if (options.profile !== null) mkdirSync(options.profile, { recursive: true });
  let failed = false;
  for (const [index, path] of options.paths.entries()) {
    const { rows, loads, peers } = await measurePath(options, path, began);
    if (json) process.stdout.write(rows.map((row) => `${jsonOf(row)}\n`).join(''));
    else {
      const head = index === 0 ? machine(peers, rows) : '';
      const table = formatL4Table(rows, loads, path);
      process.stdout.write(`${head}${table}\n${formatOutcomes(outcomes(rows), path)}`);
    }
    failed ||= rows.some(({ errors, error }) => errors > 0 || error !== undefined);
  }
  note(`${((performance.now() - began) / 1000).toFixed(0)} s`);
  return failed ? 1 : 0;
}

/** Idle connections are the same on each path; addresses that weft never saw reach it by redirection alone. */
function isMeasuredOn(path: L4Path, kind: L4LoadKind, paths: readonly L4Path[]): boolean {
  if (kind === 'handshakes') return path === 'redirected';
  return kind !== 'idle' || path === paths[0];
}

interface PathResult {
  readonly rows: readonly L4Row[];
  readonly loads: readonly L4Load[];
  readonly peers: readonly SitePeer[];
}

async function measurePath(options: L4SuiteOptions, path: L4Path, began: number): Promise<PathResult> {
  const { root, quick, note, before } = options;
  const sizes = quick ? QUICK : FULL;
  const wanted = L4_LOADS.filter(({ name }) => options.loads.length === 0 || options.loads.includes(name));
  const loads = wanted.filter(({ kind }) => isMeasuredOn(path, kind, options.paths));
  const maxConnections = Math.floor((raiseOpenFileLimit() - SPARE_DESCRIPTORS) / 2);
  const site = await BenchSite.open({
    root,
    peers: (authority) => peersOf({ ...options, before: before === null ? null : resolve(before) }, authority),
    path,
    maxConnections: Math.min(maxConnections, sizes.idleConnections),
    coldTargets: sizes.handshakes * sizes.rounds,
    profile: options.profile,
  });
  const stop = (): void => void site.close().finally(() => process.exit(1));
  for (const signal of SIGNALS) process.once(signal, stop);
  try {
    const names = site.peers.map(({ name, error }) => {
      if (error !== null) note(`${name} does not run: ${error}`);
      return name;
    });
    const runner = new SuiteRunner(site, sizes, { path, began, maxConnections, note });
    const rows = withAddedLatency(await runner.rows(loads, names), 'paced-1000');
    return { rows, loads, peers: site.peers };
  } finally {
    for (const signal of SIGNALS) process.off(signal, stop);
    await site.close();
  }
}

function machine(peers: readonly SitePeer[], rows: readonly L4Row[]): string {
  const rounds = Math.max(...rows.map((row) => row.rounds));
  const [cpu] = cpus();
  const versions = peers.map(({ name, version }) => `  ${name}: ${version}`);
  return [
    `${new Date().toISOString().slice(0, 10)}, ${availableParallelism()} cores (${cpu?.model ?? arch()}), Linux ${release()}, ${rounds} rounds`,
    ...versions,
    '',
  ].join('\n');
}
