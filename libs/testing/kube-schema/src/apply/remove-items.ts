import { cloneJson, isObject, setKey, type JsonObject } from '../json.js';
import type { Schema } from '../schema.js';
import { atomOf, elementOf, fieldSchema } from './atom.js';
import type { FieldSet } from './field-set.js';
import type { PathElement } from './path-element.js';

/** A copy without the paths of the set. A map or list that thereby becomes empty is gone as well. */
export function removeItems(schema: Schema | undefined, value: unknown, gone: FieldSet): unknown {
  const atom = atomOf(schema, value);
  if (gone.isEmpty || atom === 'leaf') return cloneJson(value);
  if (atom === 'map' && isObject(value)) return removeFromMap(schema, value, gone);
  if (atom === 'list' && Array.isArray(value)) return removeFromList(schema!, value, gone);
  return cloneJson(value);
}

function removeFromMap(schema: Schema | undefined, value: JsonObject, gone: FieldSet): JsonObject | undefined {
  const result: JsonObject = {};
  for (const [name, item] of Object.entries(value)) {
    const element: PathElement = { kind: 'field', name };
    if (gone.hasMember(element)) continue;
    const kept = removeItems(fieldSchema(schema, name), item, gone.below(element));
    if (kept !== undefined) setKey(result, name, kept);
  }
  return Object.keys(result).length === 0 && Object.keys(value).length > 0 ? undefined : result;
}

function removeFromList(schema: Schema, value: readonly unknown[], gone: FieldSet): readonly unknown[] | undefined {
  const result: unknown[] = [];
  for (const item of value) {
    const element = elementOf(schema, item);
    if (typeof element === 'string') {
      result.push(cloneJson(item));
    } else if (!gone.hasMember(element)) {
      result.push(removeItems(schema.items, item, gone.below(element)));
    }
  }
  return result.length === 0 && value.length > 0 ? undefined : result.filter((item) => item !== undefined);
}
