import { isObject, setKey, type JsonObject } from '../json.js';

/** RFC 7386: objects merge key by key, `null` deletes, anything else replaces. The inputs are not changed. */
export function mergePatch(target: unknown, patch: JsonObject): JsonObject {
  const result: JsonObject = {};
  const base = isObject(target) ? target : {};
  for (const key of Object.keys(base)) {
    if (!Object.hasOwn(patch, key)) setKey(result, key, base[key]);
  }
  for (const [key, value] of Object.entries(patch)) {
    if (value === null || value === undefined) continue;
    const before = Object.hasOwn(base, key) ? base[key] : undefined;
    setKey(result, key, isObject(value) ? mergePatch(before, value) : value);
  }
  return result;
}
