import type { Cause } from '../cause.js';
import type { Schema } from '../schema.js';

/** Judges one value by its schema. `old` is given on update, for transition rules. Never throws. */
export function validateValue(_schema: Schema, _value: unknown, _field = '', _old?: unknown): readonly Cause[] {
  return [];
}
