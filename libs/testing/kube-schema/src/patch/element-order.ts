import { equalJson, isObject } from '../json.js';

/**
 * Puts a merged list in order: what `patchOrder` names comes in that order, what only the server has keeps the order it had,
 * and the two are interleaved by `serverOrder` where it knows both.
 * Elements are the same when their `mergeKey` is, or when they are equal if it is empty.
 */
export function orderItems(
  merged: readonly unknown[],
  patchOrder: readonly unknown[],
  serverOrder: readonly unknown[],
  mergeKey: string,
): readonly unknown[] {
  const place = (list: readonly unknown[], item: unknown) => list.findIndex((other) => same(other, item, mergeKey));
  const named = merged.filter((item) => place(patchOrder, item) >= 0);
  const serverOnly = merged.filter((item) => place(patchOrder, item) < 0);
  named.sort((a, b) => place(patchOrder, a) - place(patchOrder, b));
  serverOnly.sort((a, b) => place(serverOrder, a) - place(serverOrder, b));
  const result: unknown[] = [];
  let next = 0;
  for (const item of serverOnly) {
    const at = place(serverOrder, item);
    while (next < named.length && !isBefore(at, place(serverOrder, named[next]))) result.push(named[next++]);
    result.push(item);
  }
  return [...result, ...named.slice(next)];
}

const isBefore = (a: number, b: number): boolean => a >= 0 && b >= 0 && a < b;

function same(a: unknown, b: unknown, mergeKey: string): boolean {
  if (mergeKey === '' || !isObject(a) || !isObject(b)) return equalJson(a, b);
  return equalJson(a[mergeKey], b[mergeKey]);
}
