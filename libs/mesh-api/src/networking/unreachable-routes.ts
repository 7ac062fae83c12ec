import type { FieldReader } from '../field-reader.js';

const MAX_COMPARED = 2000;

/** Warns of HTTP routes that no request can reach: behind one that takes all, or with a match that an earlier one has. */
export function warnUnreachable(http: FieldReader): void {
  const seen = new Map<string, string>();
  let catchAll: string | null = null;
  for (const route of http.list().slice(0, MAX_COMPARED)) {
    const matches = route.field('match').list();
    if (catchAll !== null) route.warn(`is never reached: ${catchAll} takes every request`, 'move it before that one');
    for (const match of matches) {
      const key = match.canonical();
      const earlier = seen.get(key);
      if (earlier === undefined) seen.set(key, match.path);
      else match.warn(`is never reached: ${earlier} is the same`, 'remove it, or change one of them');
    }
    if (matches.length === 0) catchAll ??= route.path;
  }
}
