import type { FieldReader } from '../field-reader.js';
import type { Field, TypeOf } from './field.js';
import type { CelRule, JsonSchema } from './json-schema.js';

export type Fields = Readonly<Record<string, Field<unknown>>>;

type GivenKey<P> = { [K in keyof P]: P[K] extends Field<unknown, true> ? K : never }[keyof P];
type Flat<T> = { readonly [K in keyof T]: T[K] };
export type ObjectOf<P extends Fields> = Flat<
  { readonly [K in GivenKey<P>]: TypeOf<P[K]> } & { readonly [K in Exclude<keyof P, GivenKey<P>>]?: TypeOf<P[K]> }
>;

export interface ObjectOptions<P extends Fields> {
  /** Groups of fields of which at most one may be set. */
  readonly atMostOne?: readonly (readonly (keyof P & string)[])[];
  readonly exactlyOne?: readonly (keyof P & string)[];
  /** How the CRD says so. CEL has the better message, but its cost counts in nested lists. Default `schema`. */
  readonly exclusion?: 'schema' | 'cel';
  /** Any error inside makes the whole unusable: for conditions, which would match more without a part. */
  readonly whole?: boolean;
  readonly rules?: readonly CelRule[];
  readonly schema?: JsonSchema;
  /** What the fields mean together. Undefined leaves the object out; the problem must then be reported. */
  readonly refine?: (
    value: ObjectOf<P>,
    at: Readonly<Record<keyof P & string, FieldReader>>,
    self: FieldReader,
  ) => ObjectOf<P> | undefined;
}

export function object<const P extends Fields>(
  description: string,
  fields: P,
  options: ObjectOptions<P> = {},
): Field<ObjectOf<P>, false> {
  const names = Object.keys(fields) as (keyof P & string)[];
  return {
    schema: schemaOf(description, fields, options),
    required: false,
    vital: false,
    read: (reader) => {
      const at = reader.object(names);
      if (at === null) return undefined;
      const before = reader.errorCount;
      const value = readFields(fields, at);
      const exclusive = checkExclusive(at, reader, options);
      if (value === null || !exclusive || (options.whole && reader.errorCount > before)) return undefined;
      return options.refine ? options.refine(value, at, reader) : value;
    },
  };
}

function readFields<P extends Fields>(
  fields: P,
  at: Readonly<Record<keyof P & string, FieldReader>>,
): ObjectOf<P> | null {
  const value: Record<string, unknown> = {};
  let usable = true;
  for (const [name, field] of Object.entries(fields)) {
    const reader = at[name]!;
    const present = reader.present;
    if (!present && field.required) reader.error('is missing', cureOfMissing(field));
    const read = present ? field.read(reader) : undefined;
    if (read === undefined && (field.required || (field.vital && present))) usable = false;
    const given = read ?? field.absent;
    if (given !== undefined) value[name] = given;
  }
  return usable ? (value as ObjectOf<P>) : null;
}

function cureOfMissing({ schema: { description = '' } }: Field<unknown>): string {
  const what = description.replace(/\.$/, '');
  if (what === '') return 'it is required';
  const starts = /^[A-Z][a-z ]/.test(what) ? what.charAt(0).toLowerCase() : what.charAt(0);
  return `set it: ${starts}${what.slice(1)}`;
}

function checkExclusive<P extends Fields>(
  at: Readonly<Record<string, FieldReader>>,
  self: FieldReader,
  { atMostOne = [], exactlyOne }: ObjectOptions<P>,
): boolean {
  let good = true;
  for (const names of exactlyOne ? [...atMostOne, exactlyOne] : atMostOne) {
    const set = names.filter((name) => at[name]!.present);
    if (set.length > 1) {
      self.error(`has ${set.join(' and ')}`, 'keep one of them');
      good = false;
    }
  }
  if (exactlyOne && !exactlyOne.some((name) => at[name]!.present)) {
    self.error(`has none of ${exactlyOne.join(', ')}`, 'set one of them');
    good = false;
  }
  return good;
}

function schemaOf<P extends Fields>(
  description: string,
  fields: P,
  { atMostOne = [], exactlyOne, exclusion = 'schema', rules: written = [], schema }: ObjectOptions<P>,
): JsonSchema {
  const entries = Object.entries(fields);
  const required = entries.filter(([, field]) => field.required).map(([name]) => name);
  const byCel = exclusion === 'cel';
  const rules = byCel
    ? [
        ...atMostOne.map((names) => countRule(names, '<=')),
        ...(exactlyOne ? [countRule(exactlyOne, '==')] : []),
        ...written,
      ]
    : written;
  const groups = byCel
    ? []
    : [...atMostOne.map((names) => oneOf(names, true)), ...(exactlyOne ? [oneOf(exactlyOne, false)] : [])];
  return {
    type: 'object',
    description,
    properties: Object.fromEntries(entries.map(([name, field]) => [name, field.schema])),
    ...(required.length > 0 && { required }),
    ...(groups.length === 1 && groups[0]),
    ...(groups.length > 1 && { allOf: groups }),
    ...(rules.length > 0 && { 'x-kubernetes-validations': rules }),
    ...schema,
  };
}

function oneOf(names: readonly string[], orNone: boolean): JsonSchema {
  const each = names.map((name) => ({ required: [name] }));
  return { oneOf: orNone ? [{ not: { anyOf: each } }, ...each] : each };
}

const countRule = (names: readonly string[], compare: '<=' | '=='): CelRule => ({
  rule: `${names.map((name) => `(has(self.${name}) ? 1 : 0)`).join(' + ')} ${compare} 1`,
  message: `${compare === '==' ? 'exactly' : 'only'} one of ${names.join(', ')} may be set`,
});
