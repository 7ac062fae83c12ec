import { parseIp } from '@weft/ip';

/** True if every host of `narrow` is one of `wide`; `*` and `*.` are wildcards. */
export function covers(wide: string, narrow: string): boolean {
  const a = wide.toLowerCase();
  const b = narrow.toLowerCase();
  if (a === '*' || a === b) return true;
  return a.startsWith('*.') && b.length > a.length - 1 && b.endsWith(a.slice(1));
}

export const isIp = (text: string): boolean => parseIp(text) !== null;
