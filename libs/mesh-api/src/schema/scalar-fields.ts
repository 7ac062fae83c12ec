import { describe } from '../field-reader.js';
import { parseDuration } from './duration.js';
import type { Field } from './field.js';
import type { Format } from './format.js';
import type { JsonSchema } from './json-schema.js';

export interface TextOptions extends Pick<JsonSchema, 'minLength' | 'maxLength'> {
  readonly format?: Format;
}

export function text(description: string, { format, ...limits }: TextOptions = {}): Field<string, false> {
  const schema: JsonSchema = { type: 'string', description, ...format?.schema, ...limits };
  return {
    schema,
    required: false,
    vital: false,
    read: (reader) => {
      const value = reader.text();
      if (value === undefined) return undefined;
      const { minLength = 0, maxLength = Infinity } = schema;
      if (value.length < minLength) reader.error('is empty', 'write a value or remove it');
      else if (value.length > maxLength)
        reader.error(`has ${value.length} characters`, `shorten it to at most ${maxLength}`);
      else if (format !== undefined) {
        const fault = format.fault(value);
        if (fault === null) return value;
        reader.error(`${describe(value)} ${fault}`, format.cure);
      } else return value;
      return undefined;
    },
  };
}

export const flag = (description: string): Field<boolean, false> => ({
  schema: { type: 'boolean', description },
  required: false,
  vital: false,
  read: (reader) => reader.boolean(),
});

/** A string of a closed set. */
export const choice = <const T extends string>(description: string, values: readonly T[]): Field<T, false> => ({
  schema: { type: 'string', description, enum: values },
  required: false,
  vital: false,
  read: (reader) => reader.oneOf(values),
});

const INT32_MAX = 2_147_483_647;
const UINT32_MAX = 4_294_967_295;

export const integer = (description: string, minimum: number, maximum: number): Field<number, false> => ({
  schema: { type: 'integer', ...(maximum <= INT32_MAX && { format: 'int32' }), description, minimum, maximum },
  required: false,
  vital: false,
  read: (reader) => reader.integer(minimum, maximum),
});
export const port = (description: string): Field<number, false> => integer(description, 1, 65_535);
export const count = (description: string): Field<number, false> => integer(description, 0, INT32_MAX);
export const uint32 = (description: string): Field<number, false> => integer(description, 0, UINT32_MAX);

export const number = (description: string, minimum: number, maximum: number): Field<number, false> => ({
  schema: {
    type: 'number',
    format: 'double',
    description,
    ...(Number.isFinite(minimum) && { minimum }),
    ...(Number.isFinite(maximum) && { maximum }),
  },
  required: false,
  vital: false,
  read: (reader) => reader.number(minimum, maximum),
});

/** `1h30m`, `1.5s`; read as milliseconds. */
export const duration = (description: string, minimumMs = 1): Field<number, false> => ({
  schema: {
    type: 'string',
    description,
    ...(minimumMs > 0 && {
      'x-kubernetes-validations': [
        {
          rule: `duration(self) >= duration('${minimumMs}ms')`,
          message: `must be a duration of at least ${minimumMs}ms`,
        },
      ],
    }),
  },
  required: false,
  vital: false,
  read: (reader) => {
    const value = reader.text();
    if (value === undefined) return undefined;
    const ms = parseDuration(value);
    if (ms !== null && ms >= minimumMs && Number.isInteger(ms)) return ms;
    const fault =
      ms === null ? 'is not a duration' : ms < minimumMs ? `is below ${minimumMs}ms` : 'is not whole milliseconds';
    reader.error(
      `${describe(value)} ${fault}`,
      `write a duration of at least ${minimumMs}ms, such as 500ms, 1.5s or 1h`,
    );
    return undefined;
  },
});

/** Anything: kept as it is. */
export const anything = (description: string): Field<Readonly<Record<string, unknown>>, false> => ({
  schema: { type: 'object', description, 'x-kubernetes-preserve-unknown-fields': true },
  required: false,
  vital: false,
  read: (reader) => reader.anyObject(),
});
