import { asList, asString, dig, isObject, type JsonObject } from '../json.js';
import { FieldSet } from './field-set.js';

/** One entry of `metadata.managedFields`. */
export interface Owner {
  readonly manager: string;
  readonly operation: 'Apply' | 'Update';
  readonly apiVersion: string;
  readonly subresource: string;
  readonly time: string;
  readonly fields: FieldSet;
}

/** Owners by identity. An applier is one owner over all versions; an updater is one for each version. */
export type Owners = ReadonlyMap<string, Owner>;

/** As the real server: older updaters beyond this number are put together. */
const MAX_UPDATERS = 10;
const ANCIENT = 'ancient-changes';

export function ownerKey(owner: Omit<Owner, 'time' | 'fields'>): string {
  const version = owner.operation === 'Update' ? owner.apiVersion : '';
  return JSON.stringify([owner.manager, owner.operation, version, owner.subresource]);
}

export function readOwners(object: JsonObject | null): Owners {
  const owners = new Map<string, Owner>();
  for (const entry of asList(dig(object, 'metadata', 'managedFields'))) {
    if (!isObject(entry)) continue;
    const owner: Owner = {
      manager: asString(entry['manager']),
      operation: entry['operation'] === 'Apply' ? 'Apply' : 'Update',
      apiVersion: asString(entry['apiVersion']),
      subresource: asString(entry['subresource']),
      time: asString(entry['time']),
      fields: FieldSet.parse(entry['fieldsV1']),
    };
    if (!owner.fields.isEmpty) owners.set(ownerKey(owner), owner);
  }
  return owners;
}

/** A copy of the object whose managedFields are these owners; without the field when there are none. */
export function writeOwners(object: JsonObject, owners: Owners): JsonObject {
  const metadata: JsonObject = { ...(isObject(object['metadata']) ? object['metadata'] : {}) };
  const listed = [...capped(owners).values()].filter((owner) => !owner.fields.isEmpty).sort(compareOwners);
  if (listed.length === 0) Reflect.deleteProperty(metadata, 'managedFields');
  else metadata['managedFields'] = listed.map((owner) => entryOf(owner));
  return { ...object, metadata };
}

function entryOf(owner: Owner): JsonObject {
  return {
    manager: owner.manager,
    operation: owner.operation,
    apiVersion: owner.apiVersion,
    ...(owner.time === '' ? {} : { time: owner.time }),
    fieldsType: 'FieldsV1',
    fieldsV1: owner.fields.toFieldsV1(),
    ...(owner.subresource === '' ? {} : { subresource: owner.subresource }),
  };
}

function compareOwners(a: Owner, b: Owner): number {
  const keys = (owner: Owner) => [owner.operation, owner.time, owner.manager, owner.apiVersion, owner.subresource];
  const [left, right] = [keys(a), keys(b)];
  const at = left.findIndex((part, i) => part !== right[i]);
  return at < 0 ? 0 : left[at]! < right[at]! ? -1 : 1;
}

function capped(owners: Owners): Owners {
  const updaters = [...owners].filter(([, owner]) => owner.operation === 'Update' && owner.subresource === '');
  const surplus = updaters.length - MAX_UPDATERS;
  if (surplus <= 0) return owners;
  const result = new Map(owners);
  const oldest = updaters.sort(([, a], [, b]) => compareOwners(a, b)).slice(0, surplus + 1);
  for (const [key, owner] of oldest) {
    result.delete(key);
    const bucket: Owner = { ...owner, manager: ANCIENT };
    const before = result.get(ownerKey(bucket));
    const fields = before === undefined ? owner.fields : before.fields.union(owner.fields);
    result.set(ownerKey(bucket), { ...bucket, fields });
  }
  return result;
}

/** A client empties the book by writing `managedFields: [{}]` or `[]`. */
export function resetsManagedFields(object: JsonObject): boolean {
  const entries = dig(object, 'metadata', 'managedFields');
  if (!Array.isArray(entries)) return false;
  const [only] = entries as readonly unknown[];
  return entries.length === 0 || (entries.length === 1 && isObject(only) && Object.keys(only).length === 0);
}

/** The object without its managedFields, which are about all the rest. */
export function withoutManagedFields(object: JsonObject): JsonObject {
  if (!isObject(object['metadata'])) return object;
  const metadata = { ...object['metadata'] };
  Reflect.deleteProperty(metadata, 'managedFields');
  return { ...object, metadata };
}

const NEVER_OWNED = FieldSet.parse({
  'f:apiVersion': {},
  'f:kind': {},
  'f:metadata': {
    '.': {},
    'f:name': {},
    'f:namespace': {},
    'f:creationTimestamp': {},
    'f:selfLink': {},
    'f:uid': {},
    'f:clusterName': {},
    'f:generation': {},
    'f:managedFields': {},
    'f:resourceVersion': {},
  },
});

/** Takes away what nobody owns: identity and the server's own metadata. */
export function ownable(fields: FieldSet): FieldSet {
  return fields.difference(NEVER_OWNED);
}

/** A request to a resource with a status subresource can only own what it can write. */
export function writable(fields: FieldSet, subresource: string, hasStatus: boolean): FieldSet {
  if (subresource === 'status') return fields.onlyField('status');
  return hasStatus ? fields.recursiveDifference(STATUS) : fields;
}

const STATUS = FieldSet.parse({ 'f:status': {} });
