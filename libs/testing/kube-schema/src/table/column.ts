import { asList, asString, dig, isObject, type JsonObject } from '../json.js';
import { ageOf } from './human-duration.js';

export type Cell = string | number | boolean | null;

export interface Column {
  readonly name: string;
  readonly type?: 'string' | 'integer' | 'number' | 'boolean' | 'date';
  readonly format?: string;
  /** 1: only with `-o wide`. */
  readonly priority?: number;
  readonly cell: (object: JsonObject, now: Date) => Cell;
}

export const NONE = '<none>';
export const UNKNOWN = '<unknown>';
export const UNSET = '<unset>';

export const NAME: Column = {
  name: 'Name',
  format: 'name',
  cell: (object) => asString(dig(object, 'metadata', 'name')),
};
export const AGE: Column = {
  name: 'Age',
  cell: (object, now) => ageOf(dig(object, 'metadata', 'creationTimestamp'), now),
};
export const CREATED_AT: Column = {
  name: 'Created At',
  type: 'date',
  cell: (object) => asString(dig(object, 'metadata', 'creationTimestamp')) || UNKNOWN,
};

export const wide = (column: Column): Column => ({ ...column, priority: 1 });

/** A column that shows one string field, `<none>` when it is empty. */
export const text = (name: string, path: readonly string[], empty = NONE): Column => ({
  name,
  cell: (object) => asString(dig(object, ...path)) || empty,
});

export const count = (name: string, path: readonly string[]): Column => ({
  name,
  type: 'integer',
  cell: (object) => numberAt(object, ...path),
});

/** How many entries the maps or lists at these paths have together. */
export const size = (name: string, ...paths: readonly (readonly string[])[]): Column => ({
  name,
  type: 'integer',
  cell: (object) => paths.reduce((sum, path) => sum + sizeOf(dig(object, ...path)), 0),
});

export function sizeOf(value: unknown): number {
  if (Array.isArray(value)) return value.length;
  return isObject(value) ? Object.keys(value).length : 0;
}

export function numberAt(object: JsonObject, ...path: readonly string[]): number {
  const value = dig(object, ...path);
  return typeof value === 'number' ? value : 0;
}

/** `a=b,c=d` in the order of the keys. */
export function labelsText(labels: unknown): string {
  if (!isObject(labels) || Object.keys(labels).length === 0) return NONE;
  return Object.keys(labels)
    .sort()
    .map((key) => `${key}=${asString(labels[key])}`)
    .join(',');
}

export function joined(items: readonly string[], empty = NONE): string {
  return items.length === 0 ? empty : items.join(',');
}

export function objectsAt(object: unknown, ...path: readonly string[]): readonly JsonObject[] {
  return asList(dig(object, ...path)).filter((item): item is JsonObject => isObject(item));
}

export function stringsAt(object: unknown, ...path: readonly string[]): readonly string[] {
  return asList(dig(object, ...path)).filter((item): item is string => typeof item === 'string');
}
