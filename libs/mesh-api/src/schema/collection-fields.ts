import type { FieldReader } from '../field-reader.js';
import type { Field } from './field.js';
import type { JsonSchema } from './json-schema.js';
import { text } from './scalar-fields.js';

export interface ListOptions extends Pick<JsonSchema, 'minItems' | 'maxItems'> {
  /** The fields by which the API server merges items; without any the list is replaced as a whole. */
  readonly keys?: readonly string[];
  readonly type?: 'atomic' | 'set';
}

/** Items that cannot be read are left out. When none of them can be read, the list cannot. */
export function list<T>(description: string, item: Field<T>, options: ListOptions = {}): Field<readonly T[], true> {
  const { keys, type, minItems = 0, maxItems = Infinity } = options;
  return {
    schema: {
      type: 'array',
      description,
      items: item.schema,
      ...(options.minItems !== undefined && { minItems }),
      ...(options.maxItems !== undefined && { maxItems }),
      ...(type && { 'x-kubernetes-list-type': type }),
      ...(keys && { 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': keys }),
    },
    required: false,
    vital: false,
    absent: [],
    read: (reader) => {
      const items = reader.items();
      if (items === undefined) return undefined;
      if (items.length > maxItems) reader.error(`has ${items.length} items`, `at most ${maxItems}`);
      if (items.length < minItems) reader.error('is empty', `write at least ${minItems}`);
      const values = items.slice(0, maxItems).flatMap((one) => readItem(item, one, 'dash'));
      return values.length === 0 && items.length > 0 ? undefined : values;
    },
  };
}

function readItem<T>(item: Field<T>, reader: FieldReader, mark: 'dash' | 'key'): readonly T[] {
  if (!reader.present) {
    reader.error('is empty', `write it or remove the ${mark}`);
    return [];
  }
  const value = item.read(reader);
  return value === undefined ? [] : [value];
}

export const texts = (description: string, options: ListOptions = {}): Field<readonly string[], true> =>
  list(description, text(''), options);

export interface MapOptions extends Pick<JsonSchema, 'maxProperties'> {
  readonly key?: (key: string, reader: FieldReader) => boolean;
}

/** Entries that cannot be read are left out. */
export function map<T>(
  description: string,
  item: Field<T>,
  { maxProperties, key: keyIsGood = () => true }: MapOptions = {},
): Field<Readonly<Record<string, T>>, true> {
  return {
    schema: {
      type: 'object',
      description,
      additionalProperties: item.schema,
      ...(maxProperties !== undefined && { maxProperties }),
    },
    required: false,
    vital: false,
    absent: {},
    read: (reader) =>
      Object.fromEntries(
        reader
          .entries()
          .flatMap(([key, entry]) =>
            keyIsGood(key, entry) ? readItem(item, entry, 'key').map((value) => [key, value]) : [],
          ),
      ),
  };
}

export const textMap = (description: string, options: MapOptions = {}): Field<Readonly<Record<string, string>>, true> =>
  map(description, text(''), options);
