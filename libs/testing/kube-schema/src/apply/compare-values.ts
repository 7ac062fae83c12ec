import { equalJson, isObject } from '../json.js';
import type { Schema } from '../schema.js';
import { atomOf, elementOf, fieldSchema, isNamedField } from './atom.js';
import { FieldSet } from './field-set.js';
import { printPathElement, type PathElement } from './path-element.js';

export interface Comparison {
  readonly removed: FieldSet;
  readonly modified: FieldSet;
  readonly added: FieldSet;
}

type Path = readonly PathElement[];

/** Paths as they are found. */
interface Found {
  readonly removed: Path[];
  readonly modified: Path[];
  readonly added: Path[];
}

/** Which paths the second value removes, changes and adds. `undefined` means that there is no value. */
export function compareValues(schema: Schema | undefined, before: unknown, after: unknown): Comparison {
  const result: Found = { removed: [], modified: [], added: [] };
  walk({ schema, path: [], named: true, result }, before, after);
  return {
    removed: FieldSet.of(result.removed),
    modified: FieldSet.of(result.modified),
    added: FieldSet.of(result.added),
  };
}

interface Place {
  readonly schema: Schema | undefined;
  readonly path: Path;
  /** The path ends in a named field of a struct (or at the root), which is owned through its parts. */
  readonly named: boolean;
  readonly result: Found;
}

function walk(place: Place, before: unknown, after: unknown): void {
  const atoms = [before, after].filter((value) => value !== undefined).map((value) => atomOf(place.schema, value));
  const sizes = sizeOf(before) + sizeOf(after);
  const leaf = atoms.includes('leaf') || sizes === 0;
  if (leaf) {
    record(place, before, after);
    // A scalar that gives way to a map or list: the parts that come or go are counted as well.
    if (atoms.every((atom) => atom === 'leaf') || sizes === 0) return;
  }
  if (atoms.includes('map')) walkMap(place, before, after);
  if (atoms.includes('list')) walkList(place, before, after);
  if (!leaf) markContainer(place, before, after);
}

function sizeOf(value: unknown): number {
  if (Array.isArray(value)) return value.length;
  return isObject(value) ? Object.keys(value).length : 0;
}

function record({ path, result }: Place, before: unknown, after: unknown): void {
  if (path.length === 0) return;
  if (before === undefined) result.added.push(path);
  else if (after === undefined) result.removed.push(path);
  else if (!equalJson(before, after)) result.modified.push(path);
}

/** A whole map, list or list element that comes or goes is itself such a path; a struct is only present through its fields. */
function markContainer({ schema, path, named, result }: Place, before: unknown, after: unknown): void {
  if (path.length === 0) return;
  const struct = named && schema?.properties !== undefined;
  if (before === undefined && !struct) result.added.push(path);
  else if (after === undefined) result.removed.push(path);
}

function walkMap(place: Place, before: unknown, after: unknown): void {
  const left = isObject(before) ? before : {};
  const right = isObject(after) ? after : {};
  for (const name of new Set([...Object.keys(left), ...Object.keys(right)])) {
    const inner: Place = {
      schema: fieldSchema(place.schema, name),
      path: [...place.path, { kind: 'field', name }],
      named: isNamedField(place.schema, name),
      result: place.result,
    };
    walk(
      inner,
      Object.hasOwn(left, name) ? left[name] : undefined,
      Object.hasOwn(right, name) ? right[name] : undefined,
    );
  }
}

function walkList(place: Place, before: unknown, after: unknown): void {
  const left = indexed(place.schema!, before);
  const right = indexed(place.schema!, after);
  for (const key of new Set([...left.keys(), ...right.keys()])) {
    const [ours, theirs] = [left.get(key), right.get(key)];
    const element = (ours ?? theirs)!.element;
    const inner: Place = {
      schema: place.schema?.items,
      path: [...place.path, element],
      named: false,
      result: place.result,
    };
    const duplicates = (ours?.items.length ?? 0) > 1 || (theirs?.items.length ?? 0) > 1;
    if (duplicates) record(inner, ours?.items, theirs?.items);
    else walk(inner, ours?.items[0], theirs?.items[0]);
  }
}

interface Indexed {
  readonly element: PathElement;
  readonly items: readonly unknown[];
}

function indexed(schema: Schema, list: unknown): ReadonlyMap<string, Indexed> {
  const result = new Map<string, Indexed>();
  for (const item of Array.isArray(list) ? (list as readonly unknown[]) : []) {
    const element = elementOf(schema, item);
    if (typeof element === 'string') continue;
    const key = printPathElement(element);
    result.set(key, { element, items: [...(result.get(key)?.items ?? []), item] });
  }
  return result;
}
