import { asList, isObject, type JsonObject } from '../../json.js';

/** Sets the keys that are absent (or an empty string, which a typed server cannot tell from absent). Works in place. */
export function fill(object: JsonObject, defaults: JsonObject): void {
  for (const [key, value] of Object.entries(defaults)) {
    if (object[key] === undefined || (object[key] === '' && value !== '')) object[key] = value;
  }
}

/** The child object, or undefined when it is absent or something else. */
export function child(object: JsonObject | undefined, key: string): JsonObject | undefined {
  const value = object?.[key];
  return isObject(value) ? value : undefined;
}

/** The child object; an empty one is put there when it is absent. */
export function childOrNew(object: JsonObject, key: string): JsonObject {
  if (object[key] === undefined) object[key] = {};
  return child(object, key) ?? {};
}

export function childObjects(object: JsonObject | undefined, key: string): readonly JsonObject[] {
  return asList(object?.[key]).filter((item): item is JsonObject => isObject(item));
}
