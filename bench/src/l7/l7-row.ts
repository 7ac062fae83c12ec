import { medianFigures, type Figures } from '../l4/figures.js';
import type { L7Load } from './l7-loads.js';
import type { L7Sample } from './l7-measure.js';
import { L7_PEERS, type L7Peer } from './l7-workloads.js';

/** One line of the result: medians over the rounds, errors of all. */
export interface L7Row {
  readonly suite: 'l7';
  readonly load: string;
  readonly peer: L7Peer;
  readonly errors: number;
  readonly firstError?: string;
  readonly figures: Figures;
}

const PER_100K = 100_000;

export function rowOf(load: string, peer: L7Peer, samples: readonly L7Sample[]): L7Row {
  const errors = samples.reduce((sum, { result }) => sum + result.errors, 0);
  const firstError = samples.find(({ result }) => result.firstError !== null)?.result.firstError ?? null;
  const base = { suite: 'l7', load, peer, errors, figures: medianFigures(samples.map(figuresOf)) } as const;
  return firstError === null ? base : { ...base, firstError };
}

/** `cpuSecondsPer100k` is of all proxies together. */
function figuresOf({ result, cpuSeconds }: L7Sample): Figures {
  const { completed, seconds, p50Us, p99Us } = result;
  const per100k = (value: number): number => (completed === 0 ? 0 : (value / completed) * PER_100K);
  const proxies = Object.entries(cpuSeconds).filter(([name]) => name !== 'server');
  return {
    requestsPerSecond: completed / seconds,
    ...{ p50Us, p99Us },
    cpuSecondsPer100k: per100k(proxies.reduce((sum, [, value]) => sum + value, 0)),
    ...Object.fromEntries(
      Object.entries(cpuSeconds).map(([name, value]) => [`${name}CpuSecondsPer100k`, per100k(value)]),
    ),
  };
}

/** The form of `--json`. */
export function jsonOfL7({ figures, ...row }: L7Row): string {
  const rounded = Object.entries(figures).map(([name, value]) => [name, Number(value.toPrecision(4))] as const);
  return JSON.stringify({ ...row, ...Object.fromEntries(rounded) });
}

const COLUMNS: readonly (readonly [head: string, figure: string])[] = [
  ['REQUESTS/s', 'requestsPerSecond'],
  ['P50 us', 'p50Us'],
  ['P99 us', 'p99Us'],
  ['CPU s/100k', 'cpuSecondsPer100k'],
  ['SOURCE', 'sourceCpuSecondsPer100k'],
  ['WAYPOINT', 'waypointCpuSecondsPer100k'],
  ['AGENT', 'agentCpuSecondsPer100k'],
  ['DESTINATION', 'destinationCpuSecondsPer100k'],
  ['SERVER', 'serverCpuSecondsPer100k'],
];

/** One table a load. */
export function formatL7(rows: readonly L7Row[], loads: readonly L7Load[]): string {
  return loads
    .flatMap(({ name, what }) => {
      const own = L7_PEERS.flatMap((peer) => rows.filter((row) => row.load === name && row.peer === peer));
      const table = [
        ['PEER', ...COLUMNS.map(([head]) => head), 'ERRORS'],
        ...own.map(({ peer, figures, errors, firstError }) => [
          peer,
          ...COLUMNS.map(([, figure]) => shown(figures[figure])),
          errors === 0 ? '0' : `${errors} (${firstError ?? ''})`,
        ]),
      ];
      const widths = table[0]!.map((_, i) => Math.max(...table.map((line) => line[i]!.length)));
      const pad = (cell: string, i: number): string => (i === 0 ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!));
      return ['', `${name}: ${what}`, ...table.map((line) => `  ${line.map(pad).join('  ')}`.trimEnd())];
    })
    .concat('')
    .join('\n');
}

const shown = (value: number | undefined): string =>
  value === undefined ? '-' : value >= 100 ? value.toFixed(0) : value.toFixed(2);
