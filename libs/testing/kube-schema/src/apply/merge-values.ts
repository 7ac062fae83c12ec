import { cloneJson, isObject, setKey, type JsonObject } from '../json.js';
import type { Schema } from '../schema.js';
import { atomOf, elementOf, fieldSchema } from './atom.js';
import { printPathElement } from './path-element.js';

/** The live value with the applied one laid over it: leaves are replaced, maps and associative lists are merged. */
export function mergeValues(schema: Schema | undefined, live: unknown, applied: unknown): unknown {
  if (applied === undefined) return cloneJson(live);
  if (live === undefined || live === null) return cloneJson(applied);
  const atom = atomOf(schema, applied);
  if (atom === 'leaf' || atomOf(schema, live) !== atom) return cloneJson(applied);
  if (atom === 'map') {
    return isObject(applied) ? mergeMaps(schema, live as JsonObject, applied) : cloneJson(live);
  }
  return Array.isArray(applied) ? mergeLists(schema!, live as readonly unknown[], applied) : cloneJson(live);
}

function mergeMaps(schema: Schema | undefined, live: JsonObject, applied: JsonObject): JsonObject {
  const result: JsonObject = {};
  for (const [key, value] of Object.entries(live)) {
    setKey(
      result,
      key,
      mergeValues(fieldSchema(schema, key), value, Object.hasOwn(applied, key) ? applied[key] : undefined),
    );
  }
  for (const [key, value] of Object.entries(applied)) {
    if (!Object.hasOwn(live, key)) setKey(result, key, cloneJson(value));
  }
  return result;
}

/**
 * Elements that both lists have come in the applied order; elements that only the live list has keep their place among them.
 * Both lists are walked side by side: live-only elements are taken as they are met, an applied element when its turn has come.
 */
function mergeLists(schema: Schema, live: readonly unknown[], applied: readonly unknown[]): readonly unknown[] {
  const left = live.map((item) => ({ key: identity(schema, item), item }));
  const right = applied.map((item) => ({ key: identity(schema, item), item }));
  const liveItems = new Map(left.map(({ key, item }) => [key, item]));
  const wanted = new Set(right.map(({ key }) => key));
  const shared = right.map(({ key }) => key).filter((key) => liveItems.has(key));
  const done = new Set<string>();
  const result: unknown[] = [];
  let [l, r, s] = [0, 0, 0];
  while (l < left.length || r < right.length) {
    const ours = left[l];
    const theirs = right[r];
    const isShared = ours !== undefined && wanted.has(ours.key);
    if (ours !== undefined && !isShared) {
      result.push(cloneJson(ours.item));
      l++;
      continue;
    }
    if (
      ours !== undefined &&
      (done.has(ours.key) ||
        (theirs !== undefined && ours.key !== theirs.key && s < shared.length && shared[s] !== ours.key))
    ) {
      l++;
      continue;
    }
    if (theirs === undefined) break;
    result.push(mergeValues(schema.items, liveItems.get(theirs.key), theirs.item));
    done.add(theirs.key);
    if (ours?.key === theirs.key) l++;
    if (shared[s] === theirs.key) s++;
    r++;
  }
  return result;
}

function identity(schema: Schema, item: unknown): string {
  const element = elementOf(schema, item);
  return typeof element === 'string' ? element : printPathElement(element);
}
