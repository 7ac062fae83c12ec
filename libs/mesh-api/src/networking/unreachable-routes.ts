import type { FieldReader } from '../field-reader.js';

const MAX_COMPARED = 2000;

/** Warns of routes that nothing can reach: behind one that takes all, or with a match that an earlier one has. */
export function warnUnreachable(routes: FieldReader, what: 'request' | 'connection'): void {
  const seen = new Map<string, string>();
  let catchAll: string | null = null;
  for (const route of routes.list().slice(0, MAX_COMPARED)) {
    const matches = route.field('match').list();
    if (catchAll !== null) route.warn(`is never reached: ${catchAll} takes every ${what}`, 'move it before that one');
    for (const match of matches) {
      const key = match.canonical();
      const earlier = seen.get(key);
      if (earlier === undefined) seen.set(key, match.path);
      else match.warn(`is never reached: ${earlier} is the same`, 'remove it, or change one of them');
    }
    if (matches.length === 0) catchAll ??= route.path;
  }
}
