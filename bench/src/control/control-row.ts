/** One line of the result. */
export interface ControlRow {
  readonly suite: 'control';
  readonly load: string;
  readonly peer: 'weft';
  readonly errors: number;
  readonly figures: Readonly<Record<string, number>>;
}

/** What the project promises, by load and figure: at most so much. */
const PROMISED: Readonly<Record<string, Readonly<Record<string, number>>>> = {
  churn: { cpuCores: 0.1 },
  'route-change': { p50Ms: 100 },
  'route-change-services': { p50Ms: 100 },
  'route-change-hosts': { p50Ms: 100 },
  'route-change-paths': { p50Ms: 100 },
  'route-attach': { seconds: 2 },
  'route-attach-services': { seconds: 2 },
  'route-attach-hosts': { seconds: 2 },
  'route-attach-paths': { seconds: 2 },
};

export const controlRow = (load: string, figures: ControlRow['figures'], errors = 0): ControlRow => ({
  suite: 'control',
  load,
  peer: 'weft',
  errors,
  figures,
});

/** The form of `--json`. */
export function jsonOfControl({ figures, ...row }: ControlRow): string {
  const rounded = Object.entries(figures).map(([name, value]) => [name, Number(value.toPrecision(4))] as const);
  return JSON.stringify({ ...row, ...Object.fromEntries(rounded) });
}

/** A load, its figures one a line, and whether what was promised of them is kept. */
export function formatControl(rows: readonly ControlRow[]): string {
  const lines = rows.flatMap(({ load, figures, errors }) => [
    '',
    `${load}${errors === 0 ? '' : `: ${errors} errors`}`,
    ...Object.entries(figures).map(
      ([name, value]) => `  ${name.padEnd(34)}${shown(value).padStart(12)}${verdict(load, name, value)}`,
    ),
  ]);
  return [...lines, ''].join('\n');
}

function verdict(load: string, name: string, value: number): string {
  const promised = PROMISED[load]?.[name];
  return promised === undefined ? '' : `   at most ${promised}: ${value <= promised ? 'met' : 'MISSED'}`;
}

const shown = (value: number): string => (value >= 100 ? value.toFixed(0) : String(Number(value.toPrecision(3))));

/** Of numbers in any order. */
export function quantile(values: readonly number[], fraction: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.ceil(sorted.length * fraction) - 1)] ?? 0;
}
