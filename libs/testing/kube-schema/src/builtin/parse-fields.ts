import type { Schema } from '../schema.js';

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

const SCALARS: Readonly<Record<string, Schema>> = {
  s: { type: 'string' },
  b: { type: 'boolean' },
  i: { type: 'integer', format: 'int32' },
  l: { type: 'integer', format: 'int64' },
  n: { type: 'number', format: 'double' },
  y: { type: 'string', format: 'byte' },
  t: { type: 'string', format: 'date-time', nullable: true, definition: 'io.k8s.apimachinery.pkg.apis.meta.v1.Time' },
  u: {
    type: 'string',
    format: 'date-time',
    nullable: true,
    definition: 'io.k8s.apimachinery.pkg.apis.meta.v1.MicroTime',
  },
  q: { type: 'int-or-string', format: 'quantity', definition: 'io.k8s.apimachinery.pkg.api.resource.Quantity' },
  x: { type: 'int-or-string', definition: 'io.k8s.apimachinery.pkg.util.intstr.IntOrString' },
  o: { type: 'object', preserveUnknown: true, mapType: 'atomic' },
  a: { type: 'any', preserveUnknown: true },
};

const FIELD =
  /^(?<name>[^:]+):(?<type>[^!=@~]+)(?<required>!)?(?:=(?<default>[^@~]+))?(?:@(?<list>\w+)(?:\((?<keys>[^)]*)\))?)?(?:~(?<patch>[\w,]+)(?:\((?<mergeKey>\w+)\))?)?$/;

/** `core.v1.Pod` -> `io.k8s.api.core.v1.Pod`, as OpenAPI names it. */
function definitionName(short: string): string {
  if (short.startsWith('meta.v1.')) return `io.k8s.apimachinery.pkg.apis.${short}`;
  if (short.startsWith('apiextensions.v1.')) return `io.k8s.apiextensions-apiserver.pkg.apis.${short}`;
  return `io.k8s.api.${short}`;
}

/**
 * Reads a field table into schemas by short name (`core.v1.PodSpec`).
 *
 * One line is one type: `<name>[@atomic] <field> ...`, a field is `name:type[!][=default][@list(keys)][~patch(mergeKey)]`, where `!` means required
 * and the type is a letter (s string, b boolean, i int32, l int64, n number, y bytes, t time, u time with microseconds, q quantity, x int or string,
 * o free object, a anything), `[T]` a list, `{T}` a map, or the name of another type (without its group when it is of the same one).
 * Types may refer to each other in cycles; the schema objects then do, too.
 */
export function parseFieldTables(tables: readonly string[]): ReadonlyMap<string, Schema> {
  const lines = tables.flatMap((table) => table.split('\n')).filter((line) => line !== '');
  const schemas = new Map<string, Mutable<Schema>>();
  for (const line of lines) {
    const [name = '', flag] = (line.split(' ', 1)[0] ?? '').split('@');
    const schema: Mutable<Schema> = { type: 'object', definition: definitionName(name), properties: {} };
    if (flag === 'atomic') schema.mapType = 'atomic';
    schemas.set(name, schema);
  }
  for (const line of lines) {
    const [head = '', ...fields] = line.split(' ');
    const name = head.split('@')[0] ?? '';
    fillType(schemas, name, fields);
  }
  return schemas;
}

function fillType(schemas: ReadonlyMap<string, Mutable<Schema>>, name: string, fields: readonly string[]): void {
  const schema = schemas.get(name)!;
  const scope = name.slice(0, name.lastIndexOf('.') + 1);
  const required: string[] = [];
  const properties: Record<string, Schema> = {};
  for (const text of fields) {
    const parts = FIELD.exec(text)?.groups;
    if (parts === undefined) throw new TypeError(`unreadable field ${JSON.stringify(text)} of ${name}`);
    properties[parts['name']!] = fieldSchema(schemas, scope, parts);
    if (parts['required'] !== undefined) required.push(parts['name']!);
  }
  schema.properties = properties;
  if (required.length > 0) schema.required = required;
}

function fieldSchema(
  schemas: ReadonlyMap<string, Schema>,
  scope: string,
  parts: Readonly<Record<string, string | undefined>>,
): Schema {
  const base = typeSchema(schemas, scope, parts['type']!);
  const extra: Mutable<Partial<Schema>> = {};
  if (parts['default'] !== undefined) extra.default = JSON.parse(parts['default']) as unknown;
  const list = parts['list'];
  if (base.type === 'array') extra.listType = list === 'map' || list === 'set' ? list : 'atomic';
  else if (list === 'atomic' || list === 'granular') extra.mapType = list;
  if (parts['keys'] !== undefined) extra.listMapKeys = parts['keys'].split(',');
  if (parts['patch'] !== undefined)
    extra.patchStrategy = parts['patch'].split(',') as NonNullable<Schema['patchStrategy']>;
  if (parts['mergeKey'] !== undefined) extra.patchMergeKey = parts['mergeKey'];
  return Object.keys(extra).length === 0 ? base : inherit(base, extra);
}

/** A field's own markers over a shared type whose properties may not be filled yet. */
function inherit(base: Schema, extra: Partial<Schema>): Schema {
  if (base.properties === undefined) return { ...base, ...extra };
  const over: Schema = {
    ...base,
    ...extra,
    get properties() {
      return base.properties!;
    },
    get required() {
      return base.required!;
    },
  };
  return over;
}

function typeSchema(schemas: ReadonlyMap<string, Schema>, scope: string, text: string): Schema {
  const scalar = SCALARS[text];
  if (scalar !== undefined) return scalar;
  if (text.startsWith('[')) return { type: 'array', items: typeSchema(schemas, scope, text.slice(1, -1)) };
  if (text.startsWith('{')) return { type: 'object', additional: typeSchema(schemas, scope, text.slice(1, -1)) };
  const named = schemas.get(text.includes('.') ? text : scope + text);
  if (named === undefined) throw new TypeError(`unknown type ${text} in ${scope}`);
  return named;
}
