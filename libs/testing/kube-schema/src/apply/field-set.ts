import type { JsonObject } from '../json.js';

/** A set of field paths, as `managedFields[].fieldsV1` holds it. Immutable. */
export class FieldSet {
  static parse(_fieldsV1: unknown): FieldSet {
    return new FieldSet();
  }

  toFieldsV1(): JsonObject {
    return {};
  }

  get isEmpty(): boolean {
    return true;
  }
}
