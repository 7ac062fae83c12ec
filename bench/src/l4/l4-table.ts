import type { L4Path } from '../options.js';
import type { L4Load, L4LoadKind } from './loads.js';
import type { L4Row } from './row.js';
import type { Outcome } from './targets.js';

interface Column {
  readonly title: string;
  readonly figure: string;
  readonly digits: number;
}

const column = (title: string, figure: string, digits: number): Column => ({ title, figure, digits });
const LATENCY = [column('P50 us', 'p50Us', 0), column('P99 us', 'p99Us', 0)];
const cpu = (unit: string): readonly Column[] => [
  column(`CPU s/${unit}`, `cpuSecondsPer${unit}`, 2),
  column('SOURCE', `sourceCpuSecondsPer${unit}`, 2),
  column('DESTINATION', `destinationCpuSecondsPer${unit}`, 2),
  column('CLIENT', `clientCpuSecondsPer${unit}`, 2),
  column('SERVER', `serverCpuSecondsPer${unit}`, 2),
];
const CONNECTS = [
  column('CONNECTS/s', 'connectsPerSecond', 0),
  column('CONNECTS/CPU s', 'connectsPerCpuSecond', 0),
  ...LATENCY,
  ...cpu('100k'),
];

const COLUMNS: Readonly<Record<L4LoadKind, readonly Column[]>> = {
  bulk: [column('Gbit/s', 'gbitPerSecond', 2), ...cpu('GB')],
  exchange: [column('REQUESTS/s', 'requestsPerSecond', 0), ...LATENCY, ...cpu('100k')],
  paced: [
    column('REQUESTS/s', 'requestsPerSecond', 0),
    ...LATENCY,
    column('ADDED P50 us', 'addedP50Us', 0),
    column('ADDED P99 us', 'addedP99Us', 0),
    ...cpu('100k'),
  ],
  connects: CONNECTS,
  handshakes: CONNECTS,
  idle: [
    column('CONNECTIONS', 'connections', 0),
    column('RSS MiB BEFORE', 'idleRssMiB', 1),
    column('RSS MiB WITH', 'rssMiB', 1),
    column('KiB/CONNECTION', 'rssKiBPerConnection', 2),
  ],
};

/** The first path needs no mention. */
const ON_PATH: Readonly<Record<L4Path, string>> = { loopback: '', redirected: ', redirected' };

/** One table for each load, peers below each other. */
export function formatL4Table(rows: readonly L4Row[], loads: readonly L4Load[], path: L4Path): string {
  return loads
    .flatMap((load) => {
      const own = rows.filter((row) => row.load === load.name);
      if (own.length === 0) return [];
      const columns = COLUMNS[load.kind];
      const header = ['PEER', ...columns.map(({ title }) => title), 'ERRORS'];
      const lines = align([
        header,
        ...own.filter(({ error }) => error === undefined).map((row) => cells(row, columns)),
      ]);
      const failed = own.flatMap(({ peer, error }) => (error === undefined ? [] : [`  ${peer}  failed: ${error}`]));
      return ['', `${load.name}: ${load.what}${ON_PATH[path]}`, ...lines, ...failed];
    })
    .concat('')
    .join('\n');
}

/** What was promised, what came out, and by how much. */
export function formatOutcomes(all: readonly Outcome[], path: L4Path): string {
  if (all.length === 0) return '';
  const lines = all.map(({ load, figure, against, bound, value, measured, met }) => [
    `weft${against === null ? '' : `/${against}`}`,
    `${load}${ON_PATH[path]}`,
    figure,
    measured === null ? '-' : measured.toFixed(2),
    Number.isNaN(value) ? '' : `${bound} ${value}`,
    met === null ? '' : met ? 'met' : 'MISSED',
  ]);
  return [...align([['RATIO', 'LOAD', 'FIGURE', 'MEASURED', 'TARGET', ''], ...lines], 3), ''].join('\n');
}

function cells(row: L4Row, columns: readonly Column[]): readonly string[] {
  const errors = row.errors === 0 ? '0' : `${row.errors} (${row.firstError ?? ''})`;
  return [row.peer, ...columns.map(({ figure, digits }) => row.figures[figure]?.toFixed(digits) ?? '-'), errors];
}

/** The first `left` columns to the left, the others to the right. */
function align(table: readonly (readonly string[])[], left = 1): readonly string[] {
  const widths = table[0]!.map((_, i) => Math.max(...table.map((row) => row[i]!.length)));
  return table.map((row) =>
    `  ${row.map((cell, i) => (i < left ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!))).join('  ')}`.trimEnd(),
  );
}
