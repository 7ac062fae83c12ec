import { describe, type FieldReader } from '../field-reader.js';

/** Names of filters from before `envoy.filters.`. */
const OLD_NAME = /^envoy\.(listener\.)?[a-z0-9_]+$/;
/** Packages that stock Envoy has messages of. */
const PACKAGES = /^(envoy|xds|udpa|google|cel|opentelemetry)\./;
/** Version 2 of Envoy's API: nothing of it is left in Envoy. */
const GONE = /^envoy\.(api|config|data|service|type)\.(.*\.)?v2(alpha\d?)?\./;
const OLD_STRUCT = 'udpa.type.v1.TypedStruct';
const STRUCTS = new Set([OLD_STRUCT, 'xds.type.v3.TypedStruct']);
const MAX_DEPTH = 64;

/** Warns of a filter that is called by a name that Envoy no longer has. */
export function warnOldName(reader: FieldReader): void {
  const name = reader.value;
  if (typeof name === 'string' && OLD_NAME.test(name))
    reader.warn(`${describe(name)} is the old name of a filter`, 'use that of today, such as envoy.filters.http.lua');
}

/** Looks at every `@type` in a message that is written as JSON. */
export function checkTypes(reader: FieldReader, depth = 0): void {
  const { value } = reader;
  if (typeof value !== 'object' || value === null || depth > MAX_DEPTH) return;
  if (Array.isArray(value)) {
    for (const item of reader.list()) checkTypes(item, depth + 1);
    return;
  }
  const type = typeOf(reader.field('@type').value);
  checkType(reader.field('@type'), type);
  if (STRUCTS.has(type)) checkType(reader.field('type_url'), typeOf(reader.field('type_url').value));
  for (const key of Object.keys(value)) checkTypes(reader.field(key), depth + 1);
}

const typeOf = (url: unknown): string => (typeof url === 'string' ? url.slice(url.lastIndexOf('/') + 1) : '');

function checkType(reader: FieldReader, type: string): void {
  if (type === '') return;
  if (GONE.test(type)) reader.error(`${describe(type)} is of a version that Envoy no longer has`, 'use that of v3');
  else if (!PACKAGES.test(type))
    reader.error(`${describe(type)} is no message of Envoy`, 'write type.googleapis.com/envoy.extensions...');
  else if (type === OLD_STRUCT) reader.warn('is an old name', 'use type.googleapis.com/xds.type.v3.TypedStruct');
}
