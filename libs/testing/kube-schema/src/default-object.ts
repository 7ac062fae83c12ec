import { builtinDefaults } from './builtin/defaults/builtin-defaults.js';
import { applySchemaDefaults } from './crd/apply-schema-defaults.js';
import { isObject, setKey, type JsonObject } from './json.js';
import type { ResourceInfo } from './resource-info.js';

const MAX_DEPTH = 500;

/** Fills in the defaults that a user of Kubernetes sees. Idempotent; returns a new object; never throws whatever the object holds. */
export function defaultObject(resource: ResourceInfo, object: JsonObject): JsonObject {
  if (resource.custom) {
    if (resource.schema === undefined) return object;
    const filled = applySchemaDefaults(resource.schema, object);
    // Identity and metadata have no defaults of their own.
    return object['metadata'] === undefined ? filled : { ...filled, metadata: object['metadata'] };
  }
  const copy = withoutNulls(object, 0) as JsonObject;
  builtinDefaults(resource, copy);
  return copy;
}

/** A typed decoder takes null for absent. Elements of lists are kept, since they have a place. */
function withoutNulls(value: unknown, depth: number): unknown {
  if (depth > MAX_DEPTH) return value;
  if (Array.isArray(value)) return value.map((item: unknown) => withoutNulls(item, depth + 1));
  if (!isObject(value)) return value;
  const result: JsonObject = {};
  for (const [key, item] of Object.entries(value)) {
    if (item !== null && item !== undefined) setKey(result, key, withoutNulls(item, depth + 1));
  }
  return result;
}
