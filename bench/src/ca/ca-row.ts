import { medianFigures, type Figures } from '../l4/figures.js';
import type { IssueSample } from './issue-load.js';

const CA_LOADS = ['issue', 'restart', 'memory'] as const;
export type CaLoad = (typeof CA_LOADS)[number];

/** One line of the result. */
export interface CaRow {
  readonly suite: 'ca';
  readonly load: CaLoad;
  readonly peer: string;
  readonly errors: number;
  readonly firstError?: string;
  readonly figures: Figures;
}

/** Of one round, and against the signatures of the same round. */
export function issueFigures(sample: IssueSample, ceilingPerCpuSecond: number): Figures {
  const { requests, seconds, cpuSeconds, p50Us, p99Us } = sample;
  return { csrsPerSecond: requests / seconds, ...perCpu(requests / cpuSeconds, ceilingPerCpuSecond), p50Us, p99Us };
}

export function perCpu(csrsPerCpuSecond: number, ceilingPerCpuSecond: number): Figures {
  const cpuMicrosecondsPerCsr = 1e6 / csrsPerCpuSecond;
  return { csrsPerCpuSecond, cpuMicrosecondsPerCsr, ceilingPercent: (100 * csrsPerCpuSecond) / ceilingPerCpuSecond };
}

export function caRow(
  load: CaLoad,
  peer: string,
  rounds: readonly Figures[],
  failures: readonly { readonly errors: number; readonly firstError: string | null }[] = [],
): CaRow {
  const errors = failures.reduce((sum, failure) => sum + failure.errors, 0);
  const firstError = failures.find((failure) => failure.firstError !== null)?.firstError ?? null;
  const base = { suite: 'ca', load, peer, errors, figures: medianFigures(rounds) } as const;
  return firstError === null ? base : { ...base, firstError };
}

/** The form of `--json`. */
export function jsonOfCa({ figures, ...row }: CaRow): string {
  const rounded = Object.entries(figures).map(([name, value]) => [name, Number(value.toPrecision(4))] as const);
  return JSON.stringify({ ...row, ...Object.fromEntries(rounded) });
}

const TITLES: Readonly<Record<CaLoad, string>> = {
  issue: 'issue: 64 node proxies on 64 connections with 8 requests in flight each, authentication from cache',
  restart: 'restart: all pods of the cluster start at once, each node proxy asks for its own',
  memory: 'memory: resident, before and with the pods of as many identities',
};

/** One table a load, the figures as columns. */
export function formatCaTable(rows: readonly CaRow[]): string {
  return CA_LOADS.flatMap((load) => {
    const own = rows.filter((row) => row.load === load);
    if (own.length === 0) return [];
    const names = [...new Set(own.flatMap(({ figures }) => Object.keys(figures)))];
    const table = [
      ['PEER', ...names, 'errors'],
      ...own.map((row) => [row.peer, ...names.map((name) => shown(row.figures[name])), errorsOf(row)]),
    ];
    const widths = table[0]!.map((_, i) => Math.max(...table.map((line) => line[i]!.length)));
    const pad = (cell: string, i: number): string => (i === 0 ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!));
    return ['', TITLES[load], ...table.map((line) => `  ${line.map(pad).join('  ')}`.trimEnd())];
  })
    .concat('')
    .join('\n');
}

const shown = (value: number | undefined): string =>
  value === undefined ? '-' : value >= 100 ? value.toFixed(0) : value.toPrecision(3);
const errorsOf = ({ errors, firstError }: CaRow): string => (errors === 0 ? '0' : `${errors} (${firstError ?? ''})`);
