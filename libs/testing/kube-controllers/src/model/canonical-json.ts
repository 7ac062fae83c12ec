import { createHash } from 'node:crypto';

/** JSON with sorted keys: equal text means equal value. */
export function canonicalJson(value: unknown): string {
  return JSON.stringify(value, (_, item: unknown) =>
    typeof item === 'object' && item !== null && !Array.isArray(item)
      ? Object.fromEntries(Object.entries(item).sort(([a], [b]) => (a < b ? -1 : 1)))
      : item,
  );
}

/** Letters and digits that form no words, as in the names of real pods. */
const ALPHABET = 'bcdfghjklmnpqrstvwxz2456789';

/** A short hash fit for names and label values. */
export function nameHash(value: unknown, length = 10): string {
  const digest = createHash('sha256').update(canonicalJson(value)).digest();
  return Array.from(digest.subarray(0, length), (byte) => ALPHABET[byte % ALPHABET.length]).join('');
}
