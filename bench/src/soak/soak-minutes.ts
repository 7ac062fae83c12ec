/** One minute of a soak: a row of the table, and of `--json`. */
export interface SoakMinute {
  readonly suite: 'soak';
  readonly load: string;
  readonly peer: string;
  readonly connections: number;
  readonly sourceRssMiB: number;
  readonly destinationRssMiB: number;
  readonly errors: number;
  readonly firstError?: string;
}

/** MiB an hour of the proxy that grows more, by the line that fits the second half of the minutes best; null for too few. */
export function growthPerHour(rows: readonly SoakMinute[]): number | null {
  const late = rows.slice(Math.floor(rows.length / 2));
  if (late.length < 3) return null;
  const perMinute = (values: readonly number[]): number => {
    const middle = (values.length - 1) / 2;
    const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
    const covariance = values.reduce((sum, value, i) => sum + (i - middle) * (value - mean), 0);
    return covariance / values.reduce((sum, _, i) => sum + (i - middle) ** 2, 0);
  };
  const sides = [late.map((row) => row.sourceRssMiB), late.map((row) => row.destinationRssMiB)];
  return Math.max(...sides.map(perMinute)) * 60;
}
