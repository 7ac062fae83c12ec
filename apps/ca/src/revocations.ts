import type { ConfigMap } from '@weft/kube';
import { parseSpiffeId, serialText } from '@weft/spiffe';

/** What an operator took back. */
export interface Revocations {
  /** In hexadecimal, as `serialText` spells them. */
  readonly serials: readonly string[];
  /** `issuedBeforeMs` null: every certificate, and none is issued any more. */
  readonly identities: readonly { readonly spiffeId: string; readonly issuedBeforeMs: number | null }[];
  /** Lines that cannot be read; the others count. */
  readonly problems: readonly string[];
}

export const NO_REVOCATIONS: Revocations = { serials: [], identities: [], problems: [] };

const LINE = /^(\S+)(?:\s+before\s+(\S+))?(?:\s+#.*)?$/;
/** With separators as `openssl x509` and the audit log print them, or without. */
const SERIAL = /^(?:[0-9a-f]{2}:?){1,20}$/i;

/**
 * Reads ConfigMap `ca-revocations`: keys `serials` and `identities`, one entry a line, `#` begins a comment. An identity may be
 * followed by `before <time>`: then only what was issued earlier is taken back, and new certificates are issued.
 */
export function readRevocations({ data = {} }: Pick<ConfigMap, 'data'>): Revocations {
  const problems: string[] = [];
  const serials = new Set<string>();
  const identities = new Map<string, number | null>();
  for (const key of Object.keys(data).filter((name) => name !== 'serials' && name !== 'identities'))
    problems.push(`key ${JSON.stringify(key)} is not known: want serials or identities`);
  for (const [number, entry, before] of linesOf(data['serials'] ?? '')) {
    if (entry === null || before !== undefined || !SERIAL.test(entry))
      problems.push(`serials, line ${number}: want a serial number in hexadecimal`);
    else serials.add(serialText(entry.replaceAll(':', '')));
  }
  for (const [number, entry, before] of linesOf(data['identities'] ?? '')) {
    const parsed = parseSpiffeId(entry ?? '');
    const beforeMs = before === undefined ? null : Date.parse(before);
    if (!parsed.ok) problems.push(`identities, line ${number}: ${parsed.error.message}`);
    else if (Number.isNaN(beforeMs))
      problems.push(`identities, line ${number}: ${JSON.stringify(before)} is not a time`);
    else identities.set(parsed.value.text, later(identities.get(parsed.value.text), beforeMs));
  }
  return {
    serials: [...serials].sort(),
    identities: [...identities].map(([spiffeId, issuedBeforeMs]) => ({ spiffeId, issuedBeforeMs })).sort(byName),
    problems,
  };
}

/** Of two lines about one identity the one that takes back more. */
function later(known: number | null | undefined, next: number | null): number | null {
  if (known === undefined) return next;
  return known === null || next === null ? null : Math.max(known, next);
}

function linesOf(
  text: string,
): readonly (readonly [number: number, entry: string | null, before: string | undefined])[] {
  return text.split('\n').flatMap((line, index) => {
    const content = line.trim();
    if (content === '' || content.startsWith('#')) return [];
    const match = LINE.exec(content);
    return [[index + 1, match?.[1] ?? null, match?.[2]] as const];
  });
}

const byName = (a: { readonly spiffeId: string }, b: { readonly spiffeId: string }): number =>
  a.spiffeId < b.spiffeId ? -1 : 1;
