import { objectMetaSchema } from '../builtin/builtin-schema.js';
import { isObject, type JsonObject } from '../json.js';
import type { Schema } from '../schema.js';
import type { PathElement } from './path-element.js';

/**
 * How ownership sees a value: as a leaf, as a map whose keys are owned one by one, or as a list whose elements are.
 * Without a schema, maps are granular and lists are leaves.
 */
export type Atom = 'leaf' | 'map' | 'list';

export function atomOf(schema: Schema | undefined, value: unknown): Atom {
  if (schema === undefined || isFree(schema)) return schema?.mapType !== 'atomic' && isObject(value) ? 'map' : 'leaf';
  if (schema.type === 'object' && (isObject(value) || value === null))
    return schema.mapType === 'atomic' ? 'leaf' : 'map';
  if (schema.type === 'array' && (Array.isArray(value) || value === null)) {
    return schema.listType === 'set' || schema.listType === 'map' ? 'list' : 'leaf';
  }
  return 'leaf';
}

/** True when the schema says nothing about the parts of a value. */
function isFree(schema: Schema): boolean {
  return schema.type === 'any' && schema.properties === undefined && schema.items === undefined;
}

const roots = new WeakMap<Schema, Schema>();

/** The schema of a whole object: a custom resource's own says little about metadata, which every object has alike. */
export function rootSchema(schema: Schema | undefined): Schema | undefined {
  if (schema === undefined || schema.definition !== undefined) return schema;
  let root = roots.get(schema);
  if (root === undefined) {
    const text: Schema = { type: 'string' };
    root = {
      ...schema,
      properties: { ...schema.properties, apiVersion: text, kind: text, metadata: objectMetaSchema() },
    };
    roots.set(schema, root);
  }
  return root;
}

export function fieldSchema(schema: Schema | undefined, name: string): Schema | undefined {
  const properties = schema?.properties;
  return properties !== undefined && Object.hasOwn(properties, name) ? properties[name] : schema?.additional;
}

export function childSchema(schema: Schema | undefined, element: PathElement): Schema | undefined {
  return element.kind === 'field' ? fieldSchema(schema, element.name) : schema?.items;
}

/** A named field of a struct, as opposed to a key of a free map. */
export function isNamedField(schema: Schema | undefined, name: string): boolean {
  return schema?.properties !== undefined && Object.hasOwn(schema.properties, name);
}

/** How an element of a set or map list is named; a text says what is wrong with it. */
export function elementOf(schema: Schema, item: unknown): PathElement | string {
  if (schema.listType === 'set') {
    if (item === null) return 'associative list without keys may not have a null element';
    return { kind: 'value', value: item };
  }
  if (item === null) return 'associative list with keys may not have a null element';
  if (!isObject(item)) return 'associative list with keys may not have non-map elements';
  const keys: JsonObject = {};
  for (const key of schema.listMapKeys ?? []) {
    const value = Object.hasOwn(item, key) ? item[key] : schema.items?.properties?.[key]?.default;
    if (value === undefined) {
      return `associative list with keys has an element that omits key field ${JSON.stringify(key)} (and doesn't have default value)`;
    }
    keys[key] = value;
  }
  return { kind: 'key', keys };
}
