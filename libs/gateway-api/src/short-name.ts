import { createHash } from 'node:crypto';

const MAX_NAME = 63;

/**
 * Names of Services and values of labels have at most 63 characters; a Gateway may have 253. What is longer ends with a hash of the
 * whole. All that is made for a Gateway is named and labelled so.
 */
export function shortName(name: string): string {
  if (name.length <= MAX_NAME) return name;
  const hash = createHash('sha256').update(name).digest('hex').slice(0, 8);
  return `${name.slice(0, MAX_NAME - hash.length - 1).replace(/[-.]+$/, '')}-${hash}`;
}
