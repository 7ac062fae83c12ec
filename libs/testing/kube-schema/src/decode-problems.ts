import { prune } from './crd/prune.js';
import { isObject, type JsonObject } from './json.js';
import { parseQuantity } from './builtin/quantity.js';
import type { ResourceInfo } from './resource-info.js';
import type { Schema } from './schema.js';

export interface DecodeProblem {
  readonly kind: 'unknown-field' | 'wrong-type';
  /** Such as `spec.containers[0].foo`. */
  readonly path: string;
  /** `unknown field "spec.foo"`, or `json: cannot unmarshal string into Go struct field ...`. */
  readonly message: string;
}

/**
 * What Kubernetes' decoder would say. `wrong-type` is always fatal for a built-in type (400 BadRequest, `<Kind> in version "<v>" cannot be handled as a <Kind>: <message>`);
 * `unknown-field` is fatal with fieldValidation=Strict (`strict decoding error: ` + messages joined by `, `), a warning with Warn, nothing with Ignore.
 * For custom resources only `unknown-field` is reported; types are judged by `validateObject` (422).
 */
export function decodeProblems(resource: ResourceInfo, object: JsonObject): readonly DecodeProblem[] {
  const { schema } = resource;
  if (schema === undefined) return [];
  const unknown = prune(schema, object).pruned.map((path): DecodeProblem => ({
    kind: 'unknown-field',
    path,
    message: `unknown field ${JSON.stringify(path)}`,
  }));
  if (resource.custom) return unknown;
  const wrong = firstWrongType(schema, object, { struct: resource.kind, path: '' });
  return wrong === undefined ? unknown : [wrong, ...unknown];
}

interface Place {
  /** Go name of the innermost struct. */
  readonly struct: string;
  /** Names of fields from the root, without list indices, as Go reports them. */
  readonly path: string;
}

function firstWrongType(schema: Schema, value: unknown, place: Place): DecodeProblem | undefined {
  if (value === null || schema.type === 'any') return undefined;
  switch (schema.type) {
    case 'object':
      return isObject(value) ? inObject(schema, value, place) : mismatch(schema, value, place);
    case 'array': {
      if (!Array.isArray(value)) return mismatch(schema, value, place);
      const items = schema.items;
      return items === undefined ? undefined : first(value, (item) => firstWrongType(items, item, place));
    }
    case 'string':
      return typeof value === 'string' ? stringProblem(schema, value, place) : mismatch(schema, value, place);
    case 'boolean':
      return typeof value === 'boolean' ? undefined : mismatch(schema, value, place);
    case 'integer':
      return isIntegerOf(schema, value) ? undefined : mismatch(schema, value, place);
    case 'number':
      return typeof value === 'number' ? undefined : mismatch(schema, value, place);
    case 'int-or-string':
      return intOrStringProblem(schema, value, place);
  }
}

function first<T>(items: readonly T[], check: (item: T) => DecodeProblem | undefined): DecodeProblem | undefined {
  for (const item of items) {
    const problem = check(item);
    if (problem !== undefined) return problem;
  }
  return undefined;
}

function inObject(schema: Schema, value: JsonObject, place: Place): DecodeProblem | undefined {
  const struct =
    schema.definition === undefined ? place.struct : schema.definition.slice(schema.definition.lastIndexOf('.') + 1);
  return first(Object.entries(value), ([key, item]) => {
    const field =
      schema.properties !== undefined && Object.hasOwn(schema.properties, key)
        ? schema.properties[key]
        : schema.additional;
    if (field === undefined) return undefined;
    return firstWrongType(field, item, { struct, path: place.path === '' ? key : `${place.path}.${key}` });
  });
}

function isIntegerOf(schema: Schema, value: unknown): boolean {
  if (!Number.isInteger(value)) return false;
  const limit = schema.format === 'int64' ? 2 ** 63 : 2 ** 31;
  return (value as number) >= -limit && (value as number) < limit;
}

function mismatch(schema: Schema, value: unknown, place: Place): DecodeProblem {
  const where =
    place.path === ''
      ? `Go value of type ${goType(schema)}`
      : `Go struct field ${place.struct}.${place.path} of type ${goType(schema)}`;
  return wrongType(place, `json: cannot unmarshal ${goKind(value)} into ${where}`);
}

function wrongType(place: Place, message: string): DecodeProblem {
  return { kind: 'wrong-type', path: place.path, message };
}

function goKind(value: unknown): string {
  if (Array.isArray(value)) return 'array';
  switch (typeof value) {
    case 'boolean':
      return 'bool';
    case 'number':
      return Number.isInteger(value) && Math.abs(value) < 2 ** 31 ? 'number' : `number ${value}`;
    default:
      return typeof value;
  }
}

function goType(schema: Schema): string {
  if (schema.definition !== undefined && schema.properties !== undefined) {
    return schema.definition.split('.').slice(-2).join('.');
  }
  switch (schema.type) {
    case 'integer':
      return schema.format ?? 'int64';
    case 'number':
      return 'float64';
    case 'boolean':
      return 'bool';
    case 'array':
      return `[]${schema.items === undefined ? 'interface {}' : goType(schema.items)}`;
    case 'object':
      return schema.additional === undefined ? 'map[string]interface {}' : `map[string]${goType(schema.additional)}`;
    default:
      return schema.format === 'byte' ? '[]uint8' : 'string';
  }
}

const RFC_3339 = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?(Z|[-+]\d{2}:\d{2})$/;

function stringProblem(schema: Schema, value: string, place: Place): DecodeProblem | undefined {
  if (schema.format === 'date-time' && (!RFC_3339.test(value) || Number.isNaN(Date.parse(value)))) {
    const text = JSON.stringify(value);
    return wrongType(place, `parsing time ${text} as "2006-01-02T15:04:05Z07:00": cannot parse ${text} as "2006"`);
  }
  if (
    schema.format === 'byte' &&
    !/^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/.test(value.replace(/[\r\n]/g, ''))
  ) {
    const at = Math.max(0, value.search(/[^A-Za-z0-9+/=\r\n]/));
    return wrongType(place, `illegal base64 data at input byte ${at}`);
  }
  return undefined;
}

function intOrStringProblem(schema: Schema, value: unknown, place: Place): DecodeProblem | undefined {
  if (schema.format !== 'quantity') {
    return typeof value === 'string' || Number.isInteger(value)
      ? undefined
      : mismatch({ type: 'string' }, value, place);
  }
  const text = typeof value === 'number' ? String(value) : value;
  if (typeof text === 'string' && parseQuantity(text) !== undefined) return undefined;
  return wrongType(
    place,
    `quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'`,
  );
}
