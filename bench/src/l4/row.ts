import { Latencies } from '../latencies.js';
import type { L4Path } from '../options.js';
import { medianFigures, type Figures } from './figures.js';

/** One peer under one load. With `error`, there are no figures. */
export interface L4Row {
  readonly suite: 'l4';
  readonly path: L4Path;
  readonly load: string;
  readonly peer: string;
  readonly rounds: number;
  readonly errors: number;
  readonly firstError?: string;
  readonly error?: string;
  readonly figures: Figures;
}

/** What came of one round of one load through one peer. */
export type Round =
  | {
      readonly ok: true;
      readonly figures: Figures;
      /** Of every request, so that percentiles are those of all rounds together. */
      readonly latencies?: Latencies;
      readonly errors: number;
      readonly firstError: string | null;
    }
  | { readonly ok: false; readonly error: string };

/** What a row is about. */
export type RowNames = Pick<L4Row, 'path' | 'load' | 'peer'>;

/** Medians of the rounds that worked, latencies of all of them together; every error counts. */
export function rowOf(names: RowNames, rounds: readonly Round[]): L4Row {
  const worked = rounds.filter((round) => round.ok);
  const failed = rounds.filter((round) => !round.ok);
  const firstError = worked.find((round) => round.firstError !== null)?.firstError ?? failed[0]?.error ?? null;
  const errors = worked.reduce((sum, round) => sum + round.errors, 0) + failed.length;
  const figures = { ...medianFigures(worked.map((round) => round.figures)), ...percentiles(worked) };
  const base = { suite: 'l4', ...names, rounds: worked.length, errors, figures } as const;
  if (Object.keys(figures).length === 0) return { ...base, error: firstError ?? 'nothing was measured' };
  return firstError === null ? base : { ...base, firstError };
}

function percentiles(rounds: readonly { readonly latencies?: Latencies }[]): Figures {
  const all = Latencies.together(rounds.flatMap(({ latencies }) => latencies ?? []));
  return all.count === 0 ? {} : { p50Us: all.quantile(0.5), p99Us: all.quantile(0.99) };
}

/** Latency that each peer adds to `direct`, where the load has a fixed rate. */
export function withAddedLatency(rows: readonly L4Row[], load: string): readonly L4Row[] {
  const base = rows.find((row) => row.load === load && row.peer === 'direct')?.figures;
  if (base?.['p50Us'] === undefined) return rows;
  return rows.map((row) => {
    const { p50Us, p99Us } = row.figures;
    if (row.load !== load || row.peer === 'direct' || p50Us === undefined || p99Us === undefined) return row;
    const added = { addedP50Us: p50Us - base['p50Us']!, addedP99Us: p99Us - base['p99Us']! };
    return { ...row, figures: { ...row.figures, ...added } };
  });
}

/** The form of `--json`: figures beside the names, rounded to four digits. */
export function jsonOf({ figures, ...row }: L4Row): string {
  const rounded = Object.fromEntries(
    Object.entries(figures).map(([name, value]) => [name, Number(value.toPrecision(4))]),
  );
  return JSON.stringify({ ...row, ...rounded });
}
