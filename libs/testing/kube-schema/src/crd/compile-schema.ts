import { err, ok, type Result } from '@weft/result';
import { forbidden, invalid, notSupported, required, type Cause } from '../cause.js';
import { childPath, indexPath, keyPath } from '../field-path.js';
import { asList, asObject, isObject, setKey, type JsonObject } from '../json.js';
import type { CelRule, Schema, SchemaType } from '../schema.js';
import { compilePattern } from './pattern.js';

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

const TYPES = ['array', 'boolean', 'integer', 'number', 'object', 'string'];
const FORBIDDEN_KEYS = [
  '$ref',
  'definitions',
  'dependencies',
  'deprecated',
  'discriminator',
  'id',
  'patternProperties',
];
/** What a schema inside allOf, anyOf, oneOf or not may not say: structure is given outside, where pruning can see it. */
const NOT_IN_JUNCTOR = [
  'additionalProperties',
  'default',
  'description',
  'nullable',
  'title',
  'type',
  'x-kubernetes-preserve-unknown-fields',
];
const MAX_DEPTH = 200;

interface Place {
  readonly field: string;
  readonly level: 'root' | 'field' | 'item' | 'junctor';
  /** Inside `anyOf`/`allOf` of an int-or-string, which may name its two types. */
  readonly intOrString: boolean;
  readonly depth: number;
  readonly causes: Cause[];
}

/** Turns an `openAPIV3Schema` into a `Schema`, or says which structural rules it breaks. Never throws. */
export function compileSchema(openApiSchema: unknown, field = 'openAPIV3Schema'): Result<Schema, readonly Cause[]> {
  const causes: Cause[] = [];
  if (!isObject(openApiSchema)) return err([required(field, 'schemas are required')]);
  const schema = compile(openApiSchema, { field, level: 'root', intOrString: false, depth: 0, causes });
  return causes.length > 0 ? err(causes) : ok(schema);
}

function compile(source: JsonObject, place: Place): Schema {
  const schema: Mutable<Schema> = { type: typeOf(source, place) };
  if (place.depth > MAX_DEPTH) {
    place.causes.push(forbidden(place.field, `schema is nested deeper than ${MAX_DEPTH}`));
    return schema;
  }
  for (const key of FORBIDDEN_KEYS) {
    if (source[key] !== undefined) place.causes.push(forbidden(childPath(place.field, key), `${key} is not supported`));
  }
  if (place.level === 'junctor') checkJunctor(source, place);
  copyFlags(source, schema);
  copyChecks(source, schema, place);
  compileChildren(source, schema, place);
  compileJunctors(source, schema, place);
  checkExtensions(schema, place);
  return schema;
}

function typeOf(source: JsonObject, place: Place): SchemaType {
  const type = source['type'];
  if (source['x-kubernetes-int-or-string'] === true) {
    if (type !== undefined && type !== '') {
      place.causes.push(
        forbidden(childPath(place.field, 'type'), 'must be empty if x-kubernetes-int-or-string is true'),
      );
    }
    return 'int-or-string';
  }
  if (typeof type === 'string' && TYPES.includes(type)) {
    if (place.level === 'root' && type !== 'object') {
      place.causes.push(invalid(childPath(place.field, 'type'), type, 'must be object at the root'));
    }
    return type as SchemaType;
  }
  if (type !== undefined && type !== '') place.causes.push(notSupported(childPath(place.field, 'type'), type, TYPES));
  else if (place.level !== 'junctor' && source['x-kubernetes-preserve-unknown-fields'] !== true) {
    place.causes.push(required(childPath(place.field, 'type'), EMPTY_TYPE[place.level]));
  } else if (place.level === 'root') {
    place.causes.push(required(childPath(place.field, 'type'), EMPTY_TYPE.root));
  }
  return 'any';
}

const EMPTY_TYPE = {
  root: 'must not be empty at the root',
  field: 'must not be empty for specified object fields',
  item: 'must not be empty for specified array items',
} as const;

function checkJunctor(source: JsonObject, place: Place): void {
  for (const key of NOT_IN_JUNCTOR) {
    if (source[key] === undefined || (key === 'type' && place.intOrString)) continue;
    if (source[key] === false && (key === 'nullable' || key === 'x-kubernetes-preserve-unknown-fields')) continue;
    place.causes.push(forbidden(childPath(place.field, key), 'must be empty to be structural'));
  }
}

function copyFlags(source: JsonObject, schema: Mutable<Schema>): void {
  if (typeof source['description'] === 'string') schema.description = source['description'];
  if (typeof source['format'] === 'string') schema.format = source['format'];
  if (source['default'] !== undefined) schema.default = source['default'];
  if (source['nullable'] === true) schema.nullable = true;
  if (source['x-kubernetes-preserve-unknown-fields'] === true) schema.preserveUnknown = true;
  if (source['x-kubernetes-embedded-resource'] === true) schema.embeddedResource = true;
  const listType = source['x-kubernetes-list-type'];
  if (listType === 'map' || listType === 'set' || listType === 'atomic') schema.listType = listType;
  const mapType = source['x-kubernetes-map-type'];
  if (mapType === 'atomic' || mapType === 'granular') schema.mapType = mapType;
  const keys = strings(source['x-kubernetes-list-map-keys']);
  if (keys.length > 0) schema.listMapKeys = keys;
}

const NUMBERS = [
  'maximum',
  'minimum',
  'maxLength',
  'minLength',
  'maxItems',
  'minItems',
  'multipleOf',
  'maxProperties',
  'minProperties',
] as const;

function copyChecks(source: JsonObject, schema: Mutable<Schema>, place: Place): void {
  for (const key of NUMBERS) {
    const value = source[key];
    if (typeof value === 'number') schema[key] = value;
    else if (value !== undefined && value !== null) {
      place.causes.push(invalid(childPath(place.field, key), value, 'must be a number'));
    }
  }
  if (source['exclusiveMaximum'] === true) schema.exclusiveMaximum = true;
  if (source['exclusiveMinimum'] === true) schema.exclusiveMinimum = true;
  if (source['uniqueItems'] === true) {
    place.causes.push(
      forbidden(
        childPath(place.field, 'uniqueItems'),
        'uniqueItems cannot be set to true since the runtime complexity becomes quadratic',
      ),
    );
  }
  if (Array.isArray(source['enum'])) schema.enum = source['enum'] as readonly unknown[];
  const needed = strings(source['required']);
  if (needed.length > 0) schema.required = needed;
  const pattern = source['pattern'];
  if (typeof pattern === 'string') {
    const compiled = compilePattern(pattern);
    if (compiled.ok) schema.pattern = pattern;
    else {
      place.causes.push(
        invalid(
          childPath(place.field, 'pattern'),
          pattern,
          `must be a valid regular expression, but isn't: ${compiled.error}`,
        ),
      );
    }
  }
  copyRules(source, schema, place);
}

function copyRules(source: JsonObject, schema: Mutable<Schema>, place: Place): void {
  const rules: CelRule[] = [];
  for (const [i, item] of asList(source['x-kubernetes-validations']).entries()) {
    const at = indexPath(childPath(place.field, 'x-kubernetes-validations'), i);
    if (!isObject(item) || typeof item['rule'] !== 'string' || item['rule'].trim() === '') {
      place.causes.push(required(childPath(at, 'rule'), 'rule is not specified'));
      continue;
    }
    rules.push(item as unknown as CelRule);
  }
  if (rules.length === 0) return;
  if (place.level === 'junctor') {
    place.causes.push(forbidden(childPath(place.field, 'x-kubernetes-validations'), 'must be empty to be structural'));
  }
  schema.rules = rules;
}

function compileChildren(source: JsonObject, schema: Mutable<Schema>, place: Place): void {
  const inner = (field: string, level: 'field' | 'item', intOrString = false): Place => ({
    ...place,
    field,
    level: place.level === 'junctor' ? 'junctor' : level,
    intOrString,
    depth: place.depth + 1,
  });
  if (isObject(source['properties'])) {
    const properties: JsonObject = {};
    for (const [key, child] of Object.entries(source['properties'])) {
      setKey(
        properties,
        key,
        compile(asObject(child), inner(keyPath(childPath(place.field, 'properties'), key), 'field')),
      );
    }
    schema.properties = properties as Record<string, Schema>;
  }
  const additional = source['additionalProperties'];
  if (additional !== undefined && additional !== false && isObject(source['properties']) && place.level !== 'junctor') {
    place.causes.push(
      forbidden(
        childPath(place.field, 'additionalProperties'),
        'additionalProperties and properties are mutual exclusive',
      ),
    );
  }
  if (isObject(additional)) {
    schema.additional = compile(additional, inner(childPath(place.field, 'additionalProperties'), 'field'));
  } else if (additional === true) {
    schema.additional = { type: 'any', preserveUnknown: true };
  }
  const items = source['items'];
  if (isObject(items)) schema.items = compile(items, inner(childPath(place.field, 'items'), 'item'));
  else if (Array.isArray(items)) {
    place.causes.push(forbidden(childPath(place.field, 'items'), 'items must be a schema object and not an array'));
  } else if (schema.type === 'array' && place.level !== 'junctor') {
    place.causes.push(required(childPath(place.field, 'items'), 'must be specified'));
  }
}

function compileJunctors(source: JsonObject, schema: Mutable<Schema>, place: Place): void {
  const intOrString = schema.type === 'int-or-string' || place.intOrString;
  const inner = (field: string): Place => ({ ...place, field, level: 'junctor', intOrString, depth: place.depth + 1 });
  for (const key of ['allOf', 'anyOf', 'oneOf'] as const) {
    const list = asList(source[key]);
    if (list.length === 0) continue;
    schema[key] = list.map((item, i) => compile(asObject(item), inner(indexPath(childPath(place.field, key), i))));
  }
  if (isObject(source['not'])) schema.not = compile(source['not'], inner(childPath(place.field, 'not')));
}

function checkExtensions(schema: Schema, place: Place): void {
  if (place.level === 'junctor') return;
  const at = (key: string) => childPath(place.field, key);
  if (schema.embeddedResource === true && schema.type !== 'object') {
    place.causes.push(invalid(at('type'), schema.type, 'must be object if x-kubernetes-embedded-resource is true'));
  }
  if (schema.embeddedResource === true && schema.properties === undefined && schema.preserveUnknown !== true) {
    place.causes.push(
      required(
        at('properties'),
        'must not be empty if x-kubernetes-embedded-resource is true without x-kubernetes-preserve-unknown-fields',
      ),
    );
  }
  if (schema.listType !== undefined && schema.type !== 'array') {
    place.causes.push(invalid(at('type'), schema.type, 'must be array if x-kubernetes-list-type is specified'));
  }
  if (schema.listType !== 'map') {
    if (schema.listMapKeys !== undefined) {
      place.causes.push(
        forbidden(at('x-kubernetes-list-map-keys'), 'may only be set if x-kubernetes-list-type is map'),
      );
    }
    return;
  }
  if (schema.listMapKeys === undefined) {
    place.causes.push(required(at('x-kubernetes-list-map-keys'), 'must not be empty if x-kubernetes-list-type is map'));
  }
  for (const [i, key] of (schema.listMapKeys ?? []).entries()) {
    const property = schema.items?.properties?.[key];
    const field = indexPath(at('x-kubernetes-list-map-keys'), i);
    if (property === undefined) place.causes.push(invalid(field, key, `entry isn't a property of items`));
    else if (property.default === undefined && schema.items?.required?.includes(key) !== true) {
      place.causes.push(
        required(
          keyPath(at('items.properties'), key) + '.default',
          'this property is in x-kubernetes-list-map-keys, so it must have a default or be a required property',
        ),
      );
    }
  }
}

function strings(value: unknown): readonly string[] {
  return asList(value).filter((item): item is string => typeof item === 'string');
}
