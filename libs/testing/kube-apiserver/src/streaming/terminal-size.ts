import { asObject } from '@weft/testing-kube-schema';

export interface TerminalSize {
  readonly columns: number;
  readonly rows: number;
}

const MAX_SIZE = 65_535;
const isSize = (value: unknown): value is number =>
  typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= MAX_SIZE;

/** Reads `{"Width":80,"Height":24}`; null for anything else. */
export function parseTerminalSize(text: string): TerminalSize | null {
  try {
    const { Width: columns, Height: rows } = asObject(JSON.parse(text));
    return isSize(columns) && isSize(rows) ? { columns, rows } : null;
  } catch {
    return null;
  }
}
