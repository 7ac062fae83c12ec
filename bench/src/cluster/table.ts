import type { Measurement } from './measure.js';

export interface Row extends Measurement {
  readonly suite: string;
  readonly load: string;
  readonly peer: string;
}

/** Rows as aligned text, with what each load is about on a line of its own. */
export function formatTable(rows: readonly Row[], describe: (load: string) => string): string {
  const header = ['PEER', 'PER SECOND', 'P50 us', 'P99 us', 'ERRORS', 'CPU s/100k: SOURCE', 'DESTINATION', 'SERVER'];
  const cells = (row: Row): readonly string[] => [
    row.peer,
    row.perSecond.toFixed(0),
    row.p50Us.toFixed(0),
    row.p99Us.toFixed(0),
    String(row.errors),
    row.sourceProxyCpuSecondsPer100k.toFixed(2),
    row.destinationProxyCpuSecondsPer100k.toFixed(2),
    row.serverCpuSecondsPer100k.toFixed(2),
  ];
  const all = [header, ...rows.map(cells)];
  const widths = header.map((_, i) => Math.max(...all.map((row) => row[i]!.length)));
  const line = (row: readonly string[]): string =>
    `  ${row.map((cell, i) => (i === 0 ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!))).join('  ')}`;
  return [...new Set(rows.map(({ load }) => load))]
    .flatMap((load) => [
      '',
      `${load}: ${describe(load)}`,
      line(header),
      ...rows.filter((row) => row.load === load).map((row) => line(cells(row))),
    ])
    .concat('')
    .join('\n');
}
