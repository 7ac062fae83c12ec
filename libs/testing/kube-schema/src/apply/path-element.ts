import { isObject, type JsonObject } from '../json.js';

/** One step from a value to a part of it, in the notation of FieldsV1: `f:` field, `k:` element by its keys, `v:` element of a set, `i:` index. */
export type PathElement =
  | { readonly kind: 'field'; readonly name: string }
  | { readonly kind: 'key'; readonly keys: JsonObject }
  | { readonly kind: 'value'; readonly value: unknown }
  | { readonly kind: 'index'; readonly index: number };

/** JSON with the keys of objects in order, so that equal elements have equal text. */
function stableJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map((item: unknown) => stableJson(item)).join(',')}]`;
  if (!isObject(value)) return value === undefined ? 'null' : JSON.stringify(value);
  const keys = Object.keys(value).sort();
  return `{${keys.map((key) => `${JSON.stringify(key)}:${stableJson(value[key])}`).join(',')}}`;
}

export function printPathElement(element: PathElement): string {
  switch (element.kind) {
    case 'field':
      return `f:${element.name}`;
    case 'key':
      return `k:${stableJson(element.keys)}`;
    case 'value':
      return `v:${stableJson(element.value)}`;
    case 'index':
      return `i:${element.index}`;
  }
}

/** undefined for anything that is no path element. */
export function parsePathElement(text: string): PathElement | undefined {
  const rest = text.slice(2);
  switch (text.slice(0, 2)) {
    case 'f:':
      return { kind: 'field', name: rest };
    case 'i:':
      return /^\d+$/.test(rest) ? { kind: 'index', index: Number(rest) } : undefined;
    case 'v:': {
      const value = parseJson(rest);
      return value === undefined ? undefined : { kind: 'value', value };
    }
    case 'k:': {
      const keys = parseJson(rest);
      return isObject(keys) ? { kind: 'key', keys } : undefined;
    }
    default:
      return undefined;
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

/** As conflict messages write it: `.spec`, `[name="a"]`, `[="x"]`, `[0]`. */
export function describePathElement(element: PathElement): string {
  switch (element.kind) {
    case 'field':
      return `.${element.name}`;
    case 'key': {
      const { keys } = element;
      const parts = Object.keys(keys)
        .sort()
        .map((key) => `${key}=${stableJson(keys[key])}`);
      return `[${parts.join(',')}]`;
    }
    case 'value':
      return `[=${stableJson(element.value)}]`;
    case 'index':
      return `[${element.index}]`;
  }
}

const RANK = { field: 0, key: 1, value: 2, index: 3 } as const;

export function comparePathElements(a: PathElement, b: PathElement): number {
  if (a.kind !== b.kind) return RANK[a.kind] - RANK[b.kind];
  if (a.kind === 'index' && b.kind === 'index') return a.index - b.index;
  const [left, right] = [printPathElement(a), printPathElement(b)];
  return left < right ? -1 : left > right ? 1 : 0;
}
