import type { LatencyBuckets } from '../../latencies.js';

/** What the load thread is asked to do against one peer. Windows are measured after `warmMs` of the same load. */
export type LoadOrder =
  | { readonly kind: 'bulk'; readonly connections: number; readonly warmMs: number; readonly windowMs: number }
  | {
      readonly kind: 'exchange';
      readonly connections: number;
      readonly bytes: number;
      /** `<pid>/task/<tid>` each: what they do between two answers is `maxStallUs`. For one connection only. */
      readonly stallsOf?: readonly string[];
      readonly warmMs: number;
      readonly windowMs: number;
    }
  | {
      readonly kind: 'paced';
      readonly connections: number;
      readonly bytes: number;
      readonly perSecond: number;
      readonly warmMs: number;
      readonly windowMs: number;
    }
  | {
      readonly kind: 'connects';
      readonly concurrency: number;
      readonly bytes: number;
      readonly warmMs: number;
      readonly windowMs: number;
    }
  /** One connection to each target. */
  | {
      readonly kind: 'once-each';
      readonly concurrency: number;
      readonly bytes: number;
      readonly deadlineMs: number;
    }
  /** Connections that exchanged 64 bytes and stay open until `release`. */
  | { readonly kind: 'hold'; readonly connections: number; readonly deadlineMs: number }
  /** `reset`: instead of saying goodbye. */
  | { readonly kind: 'release'; readonly reset?: boolean }
  /** Clients that say nothing, that end at once, and that ask but never read: a third each, for `holdMs`, then reset. */
  | { readonly kind: 'half-open'; readonly connections: number; readonly holdMs: number };

export interface LoadRequest {
  readonly order: LoadOrder;
  /** The network namespace that the connections begin in. */
  readonly netnsPath: string;
  /** `ip:port` each. All loads but `once-each` use the first. */
  readonly targets: readonly string[];
  /** Whose CPU time is measured: names to process ids. */
  readonly processes: Readonly<Record<string, readonly number[]>>;
}

export interface LoadSample {
  /** Length of the window. */
  readonly seconds: number;
  /** Requests answered or connections served in the window; connections open for `hold`. */
  readonly operations: number;
  /** Received by the server in the window (bulk). */
  readonly bytes: number;
  readonly p50Us: number;
  readonly p99Us: number;
  readonly maxUs: number;
  /** The most CPU time that one of `stallsOf` spent between two answers. */
  readonly maxStallUs: number;
  readonly latencies: LatencyBuckets;
  readonly errors: number;
  readonly firstError: string | null;
  /** CPU seconds used in the window: `source`, `destination`, `client`, `server`. */
  readonly cpuSeconds: Readonly<Record<string, number>>;
}

export type LoadReply =
  { readonly ok: true; readonly sample: LoadSample } | { readonly ok: false; readonly error: string };
