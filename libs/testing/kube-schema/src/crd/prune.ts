import { childPath, indexPath } from '../field-path.js';
import { objectMetaSchema } from '../builtin/builtin-schema.js';
import { isObject, setKey, type JsonObject } from '../json.js';
import type { Schema } from '../schema.js';

const MAX_DEPTH = 500;

/** Drops the fields that the schema does not know; apiVersion, kind and metadata of the object itself stay. The input is not changed. */
export function prune(
  schema: Schema,
  object: JsonObject,
): { readonly object: JsonObject; readonly pruned: readonly string[] } {
  const pruned: string[] = [];
  const result = pruneObject({ ...schema, embeddedResource: true }, object, '', { pruned, depth: 0 });
  return { object: result, pruned };
}

interface Walk {
  readonly pruned: string[];
  readonly depth: number;
}

function pruneValue(schema: Schema, value: unknown, path: string, walk: Walk): unknown {
  if (walk.depth > MAX_DEPTH) return value;
  const inner = { pruned: walk.pruned, depth: walk.depth + 1 };
  if (Array.isArray(value)) {
    const items = schema.items;
    if (items === undefined) return value;
    return value.map((item: unknown, i) => pruneValue(items, item, indexPath(path, i), inner));
  }
  return isObject(value) ? pruneObject(schema, value, path, inner) : value;
}

function pruneObject(schema: Schema, value: JsonObject, path: string, walk: Walk): JsonObject {
  if (schema.type === 'any' && schema.properties === undefined && schema.embeddedResource !== true) return value;
  const result: JsonObject = {};
  for (const [key, item] of Object.entries(value)) {
    const known = knownField(schema, key);
    if (known === 'keep') setKey(result, key, item);
    else if (known !== undefined) setKey(result, key, pruneValue(known, item, childPath(path, key), walk));
    else if (schema.preserveUnknown === true) setKey(result, key, item);
    else walk.pruned.push(childPath(path, key));
  }
  return result;
}

function knownField(schema: Schema, key: string): Schema | 'keep' | undefined {
  const property =
    schema.properties !== undefined && Object.hasOwn(schema.properties, key) ? schema.properties[key] : undefined;
  if (schema.embeddedResource === true) {
    if (key === 'apiVersion' || key === 'kind') return 'keep';
    if (key === 'metadata') return objectMetaSchema();
  }
  return property ?? schema.additional;
}
