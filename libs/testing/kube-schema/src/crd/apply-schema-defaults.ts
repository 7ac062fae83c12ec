import type { Schema } from '../schema.js';

/** A copy of the value with the schema's defaults filled in. */
export function applySchemaDefaults<T>(_schema: Schema, value: T): T {
  return value;
}
