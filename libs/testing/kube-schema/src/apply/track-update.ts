import { asString, type JsonObject } from '../json.js';
import type { Schema } from '../schema.js';
import { rootSchema } from './atom.js';
import { compareValues } from './compare-values.js';
import {
  ownable,
  ownerKey,
  readOwners,
  resetsManagedFields,
  withoutManagedFields,
  writable,
  writeOwners,
  type Owner,
  type Owners,
} from './managed-fields.js';

export interface UpdateRequest {
  readonly schema: Schema | undefined;
  /** null on create. */
  readonly before: JsonObject | null;
  /** Defaulted and complete, as it is about to be stored. */
  readonly after: JsonObject;
  /** `fieldManager` of the request, else the first word of the User-Agent up to `/`. */
  readonly manager: string;
  readonly subresource?: string;
  readonly now: string;
}

/** The same object with managedFields after a create, update or patch: the manager owns what it changed, others lose it. */
export function trackUpdate(request: UpdateRequest): JsonObject {
  const { before, after, manager, now } = request;
  const schema = rootSchema(request.schema);
  const subresource = request.subresource ?? '';
  const comparison = compareValues(schema, withoutManagedFields(before ?? {}), withoutManagedFields(after));
  const hasStatus = request.schema?.plainStatus !== true;
  const changed = writable(ownable(comparison.modified.union(comparison.added)), subresource, hasStatus);
  const self: Owner = {
    manager,
    operation: 'Update',
    apiVersion: asString(after['apiVersion']),
    subresource,
    time: now,
    fields: changed,
  };
  const key = ownerKey(self);
  const owners = new Map<string, Owner>();
  for (const [other, owner] of ownersBefore(request)) {
    const fields = owner.fields.difference(changed).difference(comparison.removed);
    if (!fields.isEmpty) owners.set(other, { ...owner, fields });
  }
  if (!changed.isEmpty) {
    const mine = owners.get(key);
    owners.set(key, mine === undefined ? self : { ...self, fields: mine.fields.union(changed) });
  }
  return writeOwners(after, owners);
}

/** A full update may carry managedFields of its own, or empty them; a write to a subresource may not touch them. */
function ownersBefore({ before, after, subresource }: UpdateRequest): Owners {
  if ((subresource ?? '') !== '') return readOwners(before);
  if (resetsManagedFields(after)) return new Map();
  const sent = readOwners(after);
  return sent.size > 0 ? sent : readOwners(before);
}
