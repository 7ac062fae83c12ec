import type { FieldReader } from '../field-reader.js';
import type { JsonSchema } from './json-schema.js';

/**
 * One description of a field, from which its TypeScript type, its reader and its part of the CRD follow. `Given`: the read
 * object always has the field.
 */
export interface Field<T, Given extends boolean = boolean> {
  readonly schema: JsonSchema;
  /** The object around it cannot be without it. */
  readonly required: boolean;
  /** What is written but cannot be read takes the object around it along: leaving it out would change what the rest means. */
  readonly vital: boolean;
  /** The value when nothing is written, or nothing that can be read. */
  readonly absent?: T | undefined;
  /** Only in types. */
  readonly given?: Given;
  /** Reads what is present. Undefined: reported, and to be left out. */
  read(reader: FieldReader): T | undefined;
}

export type TypeOf<F> = F extends { read(reader: FieldReader): infer T } ? Exclude<T, undefined> : never;

export const required = <T>(field: Field<T>): Field<T, true> => ({
  ...field,
  required: true,
  vital: true,
  given: true,
});

export const vital = <T, G extends boolean>(field: Field<T, G>): Field<T, G> => ({ ...field, vital: true });

/** A default that the API server writes into the object. */
export const defaulted = <T>(field: Field<T>, value: T): Field<T, true> => ({
  ...field,
  given: true,
  absent: value,
  schema: { ...field.schema, default: value },
});

/** A default that is not written into the object. */
export const assumed = <T>(field: Field<T>, value: T): Field<T, true> => ({
  ...field,
  given: true,
  absent: value,
});

/** More of the structural schema than follows from the field. */
export const withSchema = <F extends Field<unknown>>(field: F, schema: JsonSchema): F => ({
  ...field,
  schema: { ...field.schema, ...schema },
});

/** Looks at the value once more. Undefined leaves it out; the problem must then be reported. */
export const refined = <T, G extends boolean>(
  field: Field<T, G>,
  refine: (value: T, reader: FieldReader) => T | undefined,
): Field<T, G> => ({
  ...field,
  read: (reader) => {
    const value = field.read(reader);
    return value === undefined ? undefined : refine(value, reader);
  },
});
