import { duplicate, invalid, notSupported, required, tooLong, tooMany, typeInvalid, type Cause } from '../cause.js';
import { childPath, indexPath, keyPath } from '../field-path.js';
import { equalJson, isObject, type JsonObject } from '../json.js';
import type { Schema } from '../schema.js';
import { inFormatRange, matchesFormat } from './format.js';
import { checkRules } from './cel-rules.js';
import { compilePattern } from './pattern.js';

const MAX_DEPTH = 500;

/** Judges one value by its schema. `old` is given on update, for transition rules. Never throws. */
export function validateValue(schema: Schema, value: unknown, field = '', old?: unknown): readonly Cause[] {
  const causes: Cause[] = [];
  check(schema, value, field, causes, 0);
  // Rules may rely on the types being right, so they only run on a value that is.
  if (causes.length === 0) causes.push(...checkRules(schema, value, field, old));
  return causes;
}

const bodyPath = (field: string): string => (field === '' ? '<nil>' : field);

function check(schema: Schema, value: unknown, field: string, causes: Cause[], depth: number): void {
  if (depth > MAX_DEPTH) {
    causes.push(invalid(field, 'object', `nested deeper than ${MAX_DEPTH}`));
    return;
  }
  if (value === null && schema.nullable === true) return;
  if (!hasType(schema, value)) {
    causes.push(wrongType(schema, value, field));
    return;
  }
  if (schema.enum !== undefined && !schema.enum.some((item) => equalJson(item, value))) {
    causes.push(
      notSupported(
        field,
        value,
        schema.enum.map((item) => (typeof item === 'string' ? item : JSON.stringify(item))),
      ),
    );
  }
  if (typeof value === 'string') checkString(schema, value, field, causes);
  else if (typeof value === 'number') checkNumber(schema, value, field, causes);
  else if (Array.isArray(value)) checkArray(schema, value as readonly unknown[], field, causes, depth);
  else if (isObject(value)) checkObject(schema, value, field, causes, depth);
  checkJunctors(schema, value, field, causes, depth);
}

function hasType(schema: Schema, value: unknown): boolean {
  switch (schema.type) {
    case 'any':
      return true;
    case 'object':
      return isObject(value);
    case 'array':
      return Array.isArray(value);
    case 'integer':
      return Number.isInteger(value);
    case 'int-or-string':
      return typeof value === 'string' || Number.isInteger(value);
    default:
      return typeof value === schema.type;
  }
}

/** The JSON type of a value as the messages name it. */
function jsonTypeOf(value: unknown): string {
  if (value === null || value === undefined) return 'null';
  if (Array.isArray(value)) return 'array';
  return typeof value === 'number' ? (Number.isInteger(value) ? 'integer' : 'number') : typeof value;
}

function wrongType(schema: Schema, value: unknown, field: string): Cause {
  const actual = jsonTypeOf(value);
  const wanted = schema.type === 'int-or-string' ? 'integer,string' : schema.type;
  return typeInvalid(field, actual, `${bodyPath(field)} in body must be of type ${wanted}: ${JSON.stringify(actual)}`);
}

function checkString(schema: Schema, value: string, field: string, causes: Cause[]): void {
  const length = Array.from(value).length;
  if (schema.maxLength !== undefined && length > schema.maxLength) causes.push(tooLong(field, schema.maxLength));
  if (schema.minLength !== undefined && length < schema.minLength) {
    causes.push(invalid(field, value, `${bodyPath(field)} in body should be at least ${schema.minLength} chars long`));
  }
  if (schema.pattern !== undefined) {
    const pattern = compilePattern(schema.pattern);
    if (pattern.ok && !pattern.value.test(value)) {
      causes.push(invalid(field, value, `${bodyPath(field)} in body should match '${schema.pattern}'`));
    }
  }
  if (schema.format !== undefined && schema.type === 'string' && !matchesFormat(schema.format, value)) {
    causes.push(
      typeInvalid(
        field,
        value,
        `${bodyPath(field)} in body must be of type ${schema.format}: ${JSON.stringify(value)}`,
      ),
    );
  }
}

function checkNumber(schema: Schema, value: number, field: string, causes: Cause[]): void {
  const fail = (detail: string) => causes.push(invalid(field, value, `${bodyPath(field)} in body ${detail}`));
  const { minimum, maximum, multipleOf } = schema;
  if (minimum !== undefined && (schema.exclusiveMinimum === true ? value <= minimum : value < minimum)) {
    fail(`should be greater than ${schema.exclusiveMinimum === true ? '' : 'or equal to '}${minimum}`);
  }
  if (maximum !== undefined && (schema.exclusiveMaximum === true ? value >= maximum : value > maximum)) {
    fail(`should be less than ${schema.exclusiveMaximum === true ? '' : 'or equal to '}${maximum}`);
  }
  if (multipleOf !== undefined && multipleOf > 0 && !isMultiple(value, multipleOf))
    fail(`should be a multiple of ${multipleOf}`);
  if (schema.format !== undefined && !inFormatRange(schema.format, value)) {
    fail(`should be a valid ${schema.format}`);
  }
}

function isMultiple(value: number, of: number): boolean {
  const quotient = value / of;
  return Math.abs(quotient - Math.round(quotient)) < 1e-9 * Math.max(1, Math.abs(quotient));
}

function checkArray(schema: Schema, value: readonly unknown[], field: string, causes: Cause[], depth: number): void {
  if (schema.minItems !== undefined && value.length < schema.minItems) {
    causes.push(
      invalid(field, value.length, `${bodyPath(field)} in body should have at least ${schema.minItems} items`),
    );
  }
  if (schema.maxItems !== undefined && value.length > schema.maxItems) {
    causes.push(tooMany(field, value.length, schema.maxItems));
  }
  const items = schema.items;
  if (items !== undefined) {
    for (const [i, item] of value.entries()) check(items, item, indexPath(field, i), causes, depth + 1);
  }
  if (schema.listType === 'set' || schema.listType === 'map') checkUnique(schema, value, field, causes);
}

function checkUnique(schema: Schema, value: readonly unknown[], field: string, causes: Cause[]): void {
  const seen = new Set<string>();
  for (const [i, item] of value.entries()) {
    const identity = schema.listType === 'set' ? item : mapKeysOf(schema, item);
    const text = canonical(identity);
    if (seen.has(text)) causes.push(duplicate(indexPath(field, i), identity));
    seen.add(text);
  }
}

function mapKeysOf(schema: Schema, item: unknown): JsonObject {
  const keys: JsonObject = {};
  for (const key of schema.listMapKeys ?? []) {
    keys[key] = isObject(item) && Object.hasOwn(item, key) ? item[key] : schema.items?.properties?.[key]?.default;
  }
  return keys;
}

function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map((item: unknown) => canonical(item)).join(',')}]`;
  if (!isObject(value)) return value === undefined ? 'null' : JSON.stringify(value);
  const fields = Object.keys(value).sort();
  return `{${fields.map((key) => `${JSON.stringify(key)}:${canonical(value[key])}`).join(',')}}`;
}

function checkObject(schema: Schema, value: JsonObject, field: string, causes: Cause[], depth: number): void {
  const size = Object.keys(value).length;
  if (schema.minProperties !== undefined && size < schema.minProperties) {
    causes.push(
      invalid(field, size, `${bodyPath(field)} in body should have at least ${schema.minProperties} properties`),
    );
  }
  if (schema.maxProperties !== undefined && size > schema.maxProperties) {
    causes.push(tooMany(field, size, schema.maxProperties));
  }
  for (const key of schema.required ?? []) {
    if (!Object.hasOwn(value, key)) causes.push(required(childPath(field, key)));
  }
  if (schema.embeddedResource === true) checkEmbedded(value, field, causes);
  const properties = schema.properties ?? {};
  for (const [key, item] of Object.entries(value)) {
    if (Object.hasOwn(properties, key)) check(properties[key]!, item, childPath(field, key), causes, depth + 1);
    else if (schema.additional !== undefined) check(schema.additional, item, mapPath(field, key), causes, depth + 1);
  }
}

/** Validation messages name map entries like fields; keys that would be ambiguous get brackets. */
function mapPath(field: string, key: string): string {
  return /^[\w-]+$/.test(key) ? childPath(field, key) : keyPath(field, key);
}

function checkEmbedded(value: JsonObject, field: string, causes: Cause[]): void {
  for (const key of ['apiVersion', 'kind'] as const) {
    if (typeof value[key] !== 'string' || value[key] === '')
      causes.push(required(childPath(field, key), 'must not be empty'));
  }
}

function passes(schema: Schema, value: unknown, depth: number): boolean {
  const causes: Cause[] = [];
  check(schema, value, '', causes, depth + 1);
  return causes.length === 0;
}

function checkJunctors(schema: Schema, value: unknown, field: string, causes: Cause[], depth: number): void {
  const shown = isObject(value) || Array.isArray(value) ? jsonTypeOf(value) : value;
  const fail = (detail: string) => causes.push(invalid(field, shown, detail));
  for (const part of schema.allOf ?? []) check(part, value, field, causes, depth + 1);
  if (schema.anyOf !== undefined && !schema.anyOf.some((part) => passes(part, value, depth))) {
    fail(`${bodyPath(field)} in body must validate at least one schema (anyOf)`);
  }
  if (schema.oneOf !== undefined) {
    const valid = schema.oneOf.filter((part) => passes(part, value, depth)).length;
    if (valid !== 1) {
      fail(
        `${bodyPath(field)} in body must validate one and only one schema (oneOf). Found ${valid === 0 ? 'none' : String(valid)} valid${valid > 1 ? ' alternatives' : ''}`,
      );
    }
  }
  if (schema.not !== undefined && passes(schema.not, value, depth)) {
    fail(`${bodyPath(field)} in body must not validate the schema (not)`);
  }
}
