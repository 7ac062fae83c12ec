import type { LoadOrder } from './client/load-order.js';

export type L4LoadKind = 'bulk' | 'exchange' | 'paced' | 'connects' | 'handshakes' | 'idle';

/** One load of the suite. Sizes differ with `--quick`. */
export interface L4Load {
  readonly name: string;
  readonly kind: L4LoadKind;
  readonly what: string;
  readonly connections: number;
  /** Of a request and of its answer. */
  readonly bytes: number;
}

const load = (name: string, kind: L4LoadKind, what: string, connections: number, bytes = 64): L4Load => ({
  name,
  kind,
  what,
  connections,
  bytes,
});

/** In the order of the table. `idle` is measured first: later loads leave memory behind. */
export const L4_LOADS: readonly L4Load[] = [
  load('bulk-1', 'bulk', 'one stream', 1),
  load('bulk-64', 'bulk', '64 streams', 64),
  load('rr-1x64B', 'exchange', '1 connection, 64 B request and response', 1),
  load('rr-1x1KiB', 'exchange', '1 connection, 1 KiB request and response', 1, 1024),
  load('rr-64x64B', 'exchange', '64 connections, 64 B request and response', 64),
  load('rr-64x1KiB', 'exchange', '64 connections, 1 KiB request and response', 64, 1024),
  load('paced-1000', 'paced', '64 connections, 1,000 requests a second together, 64 B', 64),
  load('connects', 'connects', 'new connections, 16 at a time, 64 B each way; warm pools and TLS sessions', 16),
  load('handshakes', 'handshakes', 'new connections, 8 at a time, each with a full TLS handshake', 8),
  load('idle', 'idle', 'connections that are open and silent', 10_000),
];

export interface L4Sizes {
  readonly rounds: number;
  /** No round begins after this. */
  readonly budgetMs: number;
  /** Before each window. */
  readonly warmMs: number;
  /** Once before the first round. */
  readonly warmUpMs: Readonly<Record<'bulk' | 'exchange' | 'connects', number>>;
  readonly windowMs: Readonly<Record<'bulk' | 'exchange' | 'paced' | 'connects', number>>;
  readonly handshakes: number;
  readonly idleConnections: number;
  /** All peers hold theirs at once, which saves time. */
  readonly idleTogether: boolean;
}

export const QUICK: L4Sizes = {
  rounds: 3,
  budgetMs: 38_000,
  warmMs: 40,
  warmUpMs: { bulk: 250, exchange: 500, connects: 2000 },
  windowMs: { bulk: 120, exchange: 110, paced: 1000, connects: 160 },
  handshakes: 60,
  idleConnections: 2000,
  idleTogether: true,
};

export const FULL: L4Sizes = {
  rounds: 5,
  budgetMs: Number.POSITIVE_INFINITY,
  warmMs: 500,
  warmUpMs: { bulk: 3000, exchange: 3000, connects: 3000 },
  windowMs: { bulk: 2000, exchange: 2000, paced: 10_000, connects: 3000 },
  handshakes: 500,
  idleConnections: 10_000,
  idleTogether: false,
};

const PACED_PER_SECOND = 1000;
const HANDSHAKE_DEADLINE_MS = 20_000;

/** Null for `idle`, which is no window but two readings. */
export function orderOf({ kind, connections, bytes }: L4Load, { warmMs, windowMs }: L4Sizes): LoadOrder | null {
  switch (kind) {
    case 'bulk':
      return { kind, connections, warmMs, windowMs: windowMs.bulk };
    case 'exchange':
      return { kind, connections, bytes, warmMs, windowMs: windowMs.exchange };
    case 'paced':
      return { kind, connections, bytes, perSecond: PACED_PER_SECOND, warmMs, windowMs: windowMs.paced };
    case 'connects':
      return { kind, concurrency: connections, bytes, warmMs, windowMs: windowMs.connects };
    case 'handshakes':
      return { kind: 'once-each', concurrency: connections, bytes, deadlineMs: HANDSHAKE_DEADLINE_MS };
    case 'idle':
      return null;
  }
}

/** New connections last: they take the most code, and it is compiled by how often it runs. */
export function warmUpOrders({ warmUpMs }: L4Sizes): readonly LoadOrder[] {
  return [
    { kind: 'bulk', connections: 8, warmMs: 0, windowMs: warmUpMs.bulk },
    { kind: 'exchange', connections: 64, bytes: 64, warmMs: 0, windowMs: warmUpMs.exchange },
    { kind: 'connects', concurrency: 16, bytes: 64, warmMs: 0, windowMs: warmUpMs.connects },
  ];
}
