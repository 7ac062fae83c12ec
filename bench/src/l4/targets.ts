import type { L4Row } from './row.js';

/** A figure of weft that the project promises, alone or as a ratio to another peer's in the same run. */
export interface Target {
  readonly load: string;
  readonly figure: string;
  /** Null: the figure itself is compared. */
  readonly against: 'haproxy' | 'envoy' | null;
  readonly bound: 'at most' | 'at least';
  readonly value: number;
}

const target = (
  load: string,
  figure: string,
  against: Target['against'],
  bound: Target['bound'],
  value: number,
): Target => ({ load, figure, against, bound, value });

export const TARGETS: readonly Target[] = [
  target('bulk-1', 'cpuSecondsPerGB', 'haproxy', 'at most', 0.9),
  target('bulk-64', 'cpuSecondsPerGB', 'haproxy', 'at most', 0.75),
  target('rr-64x64B', 'cpuSecondsPer100k', 'haproxy', 'at most', 0.45),
  target('rr-64x64B', 'cpuSecondsPer100k', 'envoy', 'at most', 1),
  target('rr-64x1KiB', 'cpuSecondsPer100k', 'haproxy', 'at most', 0.45),
  target('rr-64x1KiB', 'cpuSecondsPer100k', 'envoy', 'at most', 1),
  target('paced-1000', 'addedP50Us', 'haproxy', 'at most', 1),
  target('paced-1000', 'addedP99Us', 'haproxy', 'at most', 1),
  target('paced-1000', 'addedP50Us', 'envoy', 'at most', 1),
  target('paced-1000', 'addedP99Us', 'envoy', 'at most', 1),
  target('connects', 'connectsPerCpuSecond', 'haproxy', 'at least', 8),
  target('idle', 'idleRssMiB', null, 'at most', 60),
  target('idle', 'rssKiBPerConnection', null, 'at most', 2),
];

/** Peers that are shown beside haproxy and envoy without a promise. */
const SHOWN: readonly Target[] = [
  target('bulk-1', 'cpuSecondsPerGB', 'envoy', 'at most', Number.NaN),
  target('bulk-64', 'cpuSecondsPerGB', 'envoy', 'at most', Number.NaN),
  target('connects', 'connectsPerCpuSecond', 'envoy', 'at least', Number.NaN),
];

export interface Outcome extends Target {
  /** Null when a figure is missing. */
  readonly measured: number | null;
  /** Null without a promise or a figure. */
  readonly met: boolean | null;
}

/** Every promise beside what the rows say. Loads that were not run are left out. */
export function outcomes(rows: readonly L4Row[]): readonly Outcome[] {
  const figure = (load: string, peer: string, name: string): number | null =>
    rows.find((row) => row.load === load && row.peer === peer)?.figures[name] ?? null;
  return [...TARGETS, ...SHOWN]
    .filter(({ load }) => rows.some((row) => row.load === load && row.peer === 'weft'))
    .map((it) => {
      const own = figure(it.load, 'weft', it.figure);
      const other = it.against === null ? 1 : figure(it.load, it.against, it.figure);
      const measured = own === null || other === null || other <= 0 ? null : own / other;
      return { ...it, measured, met: measured === null || Number.isNaN(it.value) ? null : holds(it, measured) };
    });
}

function holds({ bound, value }: Target, measured: number): boolean {
  return bound === 'at most' ? measured <= value : measured >= value;
}
