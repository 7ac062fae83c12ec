import { raiseOpenFileLimit } from '@weft/linux';
import { toError } from '@weft/result';
import type { BenchOptions } from '../options.js';
import { PeerError } from '../l4/bench-error.js';
import { BenchSite } from '../l4/bench-site.js';
import type { LoadOrder } from '../l4/client/load-order.js';
import { peersOf } from '../l4/peers/all-peers.js';
import { growthPerHour, type SoakMinute } from './soak-minutes.js';

export interface SoakOptions extends BenchOptions {
  readonly root: string;
  readonly note: (text: string) => void;
}

const MINUTE_MS = 60_000;
/** Of each cycle, in which nothing is done: a soak is about time, not about load. */
const PAUSE_MS = 1500;
const SPARE_DESCRIPTORS = 500;

/** One cycle: clients that come in hundreds, clients that say half of what they should, clients that reset in the middle. */
const CYCLE: readonly LoadOrder[] = [
  { kind: 'half-open', connections: 300, holdMs: 300 },
  { kind: 'hold', connections: 500, deadlineMs: 20_000 },
  { kind: 'release', reset: true },
  { kind: 'connects', concurrency: 64, bytes: 64, warmMs: 0, windowMs: 300 },
  { kind: 'bulk', connections: 16, warmMs: 0, windowMs: 150 },
  { kind: 'exchange', connections: 64, bytes: 1024, warmMs: 0, windowMs: 200 },
];

/**
 * Bad clients for minutes: memory of both proxies over time, and whether a connection stays open that the client left.
 * Resolves with the exit status: 1 when one did, or anything else failed.
 */
export async function soakSuite(options: SoakOptions): Promise<number> {
  if (process.getuid?.() !== 0) throw new PeerError('soak makes network namespaces: run it as root');
  const { root, json, minutes, note } = options;
  raiseOpenFileLimit();
  const site = await BenchSite.open({
    root,
    peers: (authority) => peersOf({ ...options, only: options.only.length === 0 ? ['weft'] : options.only }, authority),
    path: 'redirected',
    maxConnections: SPARE_DESCRIPTORS,
    coldTargets: 1,
    profile: null,
  });
  const stop = (): void => void site.close().finally(() => process.exit(1));
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, stop);
  try {
    let status = 0;
    for (const { name, error } of site.peers) {
      if (error !== null) note(`${name} does not run: ${error}`);
      if (!json) process.stdout.write(headOf(name));
      const tell = (row: SoakMinute): void =>
        void process.stdout.write(json ? `${JSON.stringify(row)}\n` : lineOf(row));
      const rows = error === null ? await soak(site, name, minutes, tell) : [];
      if (!json) process.stdout.write(trendOf(rows));
      if (error !== null || rows.some(({ errors }) => errors > 0)) status = 1;
    }
    return status;
  } finally {
    await site.close();
  }
}

async function soak(
  site: BenchSite,
  peer: string,
  minutes: number,
  tell: (row: SoakMinute) => void,
): Promise<readonly SoakMinute[]> {
  const rows: SoakMinute[] = [];
  for (let minute = 1; minute <= minutes; minute++) {
    const endMs = performance.now() + MINUTE_MS;
    let [connections, errors] = [0, 0];
    let firstError: string | null = null;
    while (performance.now() < endMs) {
      for (const order of CYCLE) {
        const sample = await site.run(peer, order).catch((thrown: unknown) => ({
          operations: 0,
          errors: 1,
          firstError: toError(thrown).message,
        }));
        if (order.kind !== 'exchange') connections += sample.operations;
        errors += sample.errors;
        firstError ??= sample.firstError === null ? null : `${order.kind}: ${sample.firstError}`;
      }
      await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
    }
    const [sourceRssMiB, destinationRssMiB] = site.memory(peer).map((mib) => Number(mib.toFixed(1))) as [
      number,
      number,
    ];
    const load = `minute-${minute}`;
    const row = { suite: 'soak', load, peer, connections, sourceRssMiB, destinationRssMiB, errors } as const;
    rows.push(firstError === null ? row : { ...row, firstError });
    tell(rows.at(-1)!);
  }
  return rows;
}

function headOf(peer: string): string {
  return `${peer}: half-open, reset and burst clients\n  MINUTE       CONNECTIONS  SOURCE MiB  DESTINATION MiB  ERRORS\n`;
}

function lineOf({ load, connections, sourceRssMiB, destinationRssMiB, errors, firstError = '' }: SoakMinute): string {
  const memory = `${String(sourceRssMiB).padStart(12)}${String(destinationRssMiB).padStart(17)}`;
  const line = `  ${load.padEnd(12)}${String(connections).padStart(12)}${memory}${String(errors).padStart(8)}  ${firstError}`;
  return `${line.trimEnd()}\n`;
}

function trendOf(rows: readonly SoakMinute[]): string {
  const growth = growthPerHour(rows);
  return growth === null ? '' : `  growth over the second half: ${growth.toFixed(1)} MiB an hour\n`;
}
