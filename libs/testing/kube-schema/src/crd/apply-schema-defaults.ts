import { cloneJson, isObject, setKey, type JsonObject } from '../json.js';
import type { Schema } from '../schema.js';

const MAX_DEPTH = 500;

/**
 * A copy of the value with the schema's defaults filled in.
 * A null where the schema allows none is taken for absent: it gives way to the default, or goes.
 */
export function applySchemaDefaults<T>(schema: Schema, value: T): T {
  return fill(schema, value, 0) as T;
}

function fill(schema: Schema, value: unknown, depth: number): unknown {
  if (depth > MAX_DEPTH) return value;
  if (Array.isArray(value)) {
    const items = schema.items;
    if (items === undefined) return cloneJson(value);
    return value.map((item: unknown) => {
      if (item === null && items.nullable !== true && items.default !== undefined) return cloneJson(items.default);
      return fill(items, item, depth + 1);
    });
  }
  return isObject(value) ? fillObject(schema, value, depth) : value;
}

function fillObject(schema: Schema, value: JsonObject, depth: number): JsonObject {
  const properties = schema.properties ?? {};
  const result: JsonObject = {};
  for (const [key, item] of Object.entries(value)) {
    const known = Object.hasOwn(properties, key) ? properties[key] : schema.additional;
    if (known === undefined) {
      setKey(result, key, cloneJson(item));
    } else if (item === null && known.nullable !== true && known.type !== 'any') {
      if (known.default !== undefined) setKey(result, key, fill(known, cloneJson(known.default), depth + 1));
    } else {
      setKey(result, key, fill(known, item, depth + 1));
    }
  }
  for (const [key, known] of Object.entries(properties)) {
    if (known.default === undefined || Object.hasOwn(result, key)) continue;
    setKey(result, key, fill(known, cloneJson(known.default), depth + 1));
  }
  return result;
}
