import type { Cause } from '../cause.js';
import { asObject, asString, dig, equalJson, isObject, type JsonObject } from '../json.js';
import type { Schema } from '../schema.js';
import { rootSchema } from './atom.js';
import { compareValues } from './compare-values.js';
import { FieldSet } from './field-set.js';
import { fieldSetOf } from './field-set-of.js';
import {
  ownable,
  ownerKey,
  readOwners,
  withoutManagedFields,
  writable,
  writeOwners,
  type Owner,
  type Owners,
} from './managed-fields.js';
import { mergeValues } from './merge-values.js';
import { removeItems } from './remove-items.js';
import { typedProblems } from './typed-problems.js';

export interface ApplyRequest {
  /** Of the applied version; absent: everything is granular maps and atomic lists. */
  readonly schema: Schema | undefined;
  /** As stored now; null when the apply creates the object. */
  readonly live: JsonObject | null;
  /** The user's document, before defaulting; must have apiVersion, and no managedFields. */
  readonly applied: JsonObject;
  readonly manager: string;
  readonly force: boolean;
  /** `status` or `scale`; empty for the main resource. */
  readonly subresource?: string;
  /** RFC 3339 in whole seconds. */
  readonly now: string;
}

export type ApplyOutcome =
  /** `changed` is false when the object stays as it is, managedFields included: answer `live` and do not write. */
  | { readonly outcome: 'applied'; readonly object: JsonObject; readonly changed: boolean }
  /** 409 Conflict with exactly this message and these causes. */
  | { readonly outcome: 'conflict'; readonly message: string; readonly causes: readonly Cause[] }
  /** 400 BadRequest. */
  | { readonly outcome: 'rejected'; readonly message: string };

/** Merges what one manager wants into the live object and keeps book of who owns which field. The result still has to be defaulted and validated. */
export function serverSideApply(input: ApplyRequest): ApplyOutcome {
  const request: ApplyRequest = { ...input, schema: rootSchema(input.schema) };
  const rejection = problemOf(request);
  if (rejection !== undefined) return { outcome: 'rejected', message: rejection };
  const { schema, applied } = request;
  const live = withoutManagedFields(request.live ?? {});
  const self = applier(request);
  const key = ownerKey(self);
  const owners = new Map(ownersBefore(request, live));
  const last = owners.get(key);
  owners.set(key, { ...self, fields: ownFields(request, fieldSetOf(schema, applied)) });

  const merged = mergeValues(schema, live, applied) as JsonObject;
  const object = last === undefined ? merged : pruneAbandoned(schema, merged, last.fields, owners);
  const comparison = compareValues(schema, live, object);
  const touched = ownFields(request, comparison.modified.union(comparison.added));
  const conflicts = conflictsWith(owners, key, touched);
  if (conflicts.length > 0 && !request.force && !coveredByLastApplied(request, conflicts))
    return conflictOutcome(conflicts);

  for (const { key: other, fields } of conflicts) {
    const owner = owners.get(other)!;
    owners.set(other, { ...owner, fields: owner.fields.difference(fields) });
  }
  for (const [other, owner] of owners) {
    if (other !== key) owners.set(other, { ...owner, fields: owner.fields.difference(comparison.removed) });
  }
  return applyOutcome(request, { live, object: refreshLastApplied(request, object), owners, key, last });
}

function problemOf({ applied, schema, live }: ApplyRequest): string | undefined {
  if (dig(applied, 'metadata', 'managedFields') !== undefined) return 'metadata.managedFields must be nil';
  if (asString(applied['apiVersion']) === '') return 'invalid object type: /, Kind=';
  const problems = typedProblems(schema, applied);
  if (problems.length === 0) return undefined;
  const name = asString(dig(applied, 'metadata', 'name')) || asString(dig(live, 'metadata', 'name'));
  const namespace = asString(dig(applied, 'metadata', 'namespace'));
  const type = `${asString(applied['apiVersion'])}, Kind=${asString(applied['kind'])}`;
  const text = problems.length === 1 ? problems[0]! : `errors:\n${problems.map((item) => `  ${item}`).join('\n')}`;
  return `failed to create typed patch object (${namespace}/${name}; ${type}): ${text}`;
}

function applier({ applied, manager, subresource, now }: ApplyRequest): Owner {
  return {
    manager,
    operation: 'Apply',
    apiVersion: asString(applied['apiVersion']),
    subresource: subresource ?? '',
    time: now,
    fields: FieldSet.EMPTY,
  };
}

function ownFields({ subresource, schema }: ApplyRequest, fields: FieldSet): FieldSet {
  return writable(ownable(fields), subresource ?? '', schema?.plainStatus !== true);
}

/** An object that was never tracked belongs to nobody known: its first applier must not silently win. */
function ownersBefore(request: ApplyRequest, live: JsonObject): Owners {
  const owners = readOwners(request.live);
  if (request.live === null || owners.size > 0) return owners;
  const first: Owner = {
    manager: 'before-first-apply',
    operation: 'Update',
    apiVersion: asString(live['apiVersion']),
    subresource: '',
    time: request.now,
    fields: ownable(compareValues(request.schema, {}, live).added),
  };
  return first.fields.isEmpty ? owners : new Map([[ownerKey(first), first]]);
}

/**
 * Removes what this manager applied last time, applies no longer, and nobody else owns.
 * Fields below a removed list element or map entry go only if somebody let go of them, too.
 */
function pruneAbandoned(schema: Schema | undefined, merged: JsonObject, last: FieldSet, owners: Owners): JsonObject {
  const named = (fields: FieldSet) => fields.withNamedFields(schema);
  const remove = (fields: FieldSet) => asObject(removeItems(schema, merged, fields));
  const all = named(fieldSetOf(schema, merged));
  const owned = [...owners.values()].reduce((sum, owner) => sum.union(owner.fields), FieldSet.EMPTY);
  const withoutLast = named(fieldSetOf(schema, remove(named(last))));
  const withOwned = remove(all.difference(withoutLast.union(named(owned))));
  const kept = named(fieldSetOf(schema, withOwned));
  return keepIdentity(merged, remove(all.difference(kept).intersection(named(last))));
}

/** Identity is never owned, so it is never taken away either. */
function keepIdentity(merged: JsonObject, pruned: JsonObject): JsonObject {
  const { apiVersion, kind } = merged;
  const before = asObject(merged['metadata']);
  const metadata: JsonObject = { ...asObject(pruned['metadata']) };
  for (const key of ['name', 'namespace', 'uid', 'resourceVersion', 'generation', 'creationTimestamp', 'selfLink']) {
    if (before[key] !== undefined) metadata[key] = before[key];
  }
  return { ...pruned, apiVersion, kind, metadata };
}

interface Conflict {
  readonly key: string;
  readonly owner: Owner;
  readonly fields: FieldSet;
}

function conflictsWith(owners: Owners, self: string, touched: FieldSet): readonly Conflict[] {
  return [...owners]
    .filter(([key]) => key !== self)
    .map(([key, owner]) => ({ key, owner, fields: owner.fields.intersection(touched) }))
    .filter(({ fields }) => !fields.isEmpty);
}

const LAST_APPLIED = 'kubectl.kubernetes.io/last-applied-configuration';

/** kubectl may move from client-side to server-side apply: what it says itself to have applied is no conflict with itself. */
function coveredByLastApplied(
  { schema, live, manager, subresource }: ApplyRequest,
  conflicts: readonly Conflict[],
): boolean {
  if (manager !== 'kubectl' || (subresource ?? '') !== '') return false;
  const appliedBefore = [...readOwners(live).values()].some(
    (owner) => owner.manager === 'kubectl' && owner.operation === 'Apply',
  );
  const text = dig(live, 'metadata', 'annotations', LAST_APPLIED);
  if (appliedBefore || typeof text !== 'string') return false;
  const last = parsed(text);
  if (last === undefined) return false;
  const covered = fieldSetOf(schema, last);
  return conflicts.every(({ fields }) => fields.difference(covered).isEmpty);
}

/** Keeps the annotation of client-side apply true, so that kubectl can go back to it. */
function refreshLastApplied({ live, applied, manager, subresource }: ApplyRequest, object: JsonObject): JsonObject {
  const annotation = dig(live, 'metadata', 'annotations', LAST_APPLIED);
  if (manager !== 'kubectl' || (subresource ?? '') !== '' || typeof annotation !== 'string' || annotation === '')
    return object;
  if (dig(object, 'metadata', 'annotations', LAST_APPLIED) === undefined) return object;
  const metadata = asObject(object['metadata']);
  const annotations = {
    ...asObject(metadata['annotations']),
    [LAST_APPLIED]: `${JSON.stringify(withoutLastApplied(applied))}\n`,
  };
  return { ...object, metadata: { ...metadata, annotations } };
}

function withoutLastApplied(applied: JsonObject): JsonObject {
  const metadata = { ...asObject(applied['metadata']) };
  if (!isObject(metadata['annotations'])) return applied;
  const annotations = { ...metadata['annotations'] };
  Reflect.deleteProperty(annotations, LAST_APPLIED);
  return { ...applied, metadata: { ...metadata, annotations } };
}

function parsed(text: string): JsonObject | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return isObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

function describeOwner(owner: Owner): string {
  const name =
    JSON.stringify(owner.manager) +
    (owner.subresource === '' ? '' : ` with subresource ${JSON.stringify(owner.subresource)}`);
  return owner.operation === 'Update' ? `${name} using ${owner.apiVersion}` : name;
}

function conflictOutcome(conflicts: readonly Conflict[]): ApplyOutcome {
  const groups = conflicts
    .map(({ owner, fields }) => ({ name: describeOwner(owner), paths: fields.describe() }))
    .sort((a, b) => (a.name < b.name ? -1 : 1));
  const causes = groups.flatMap(({ name, paths }) =>
    paths.map((field): Cause => ({ reason: 'FieldManagerConflict', message: `conflict with ${name}`, field })),
  );
  const [only] = causes;
  const message =
    causes.length === 1 && only !== undefined
      ? `Apply failed with 1 conflict: ${only.message}: ${only.field}`
      : `Apply failed with ${causes.length} conflicts: ${groups
          .map(({ name, paths }) => [`conflicts with ${name}:`, ...paths.map((path) => `- ${path}`)].join('\n'))
          .join('\n')}`;
  return { outcome: 'conflict', message, causes };
}

interface Applied {
  readonly live: JsonObject;
  readonly object: JsonObject;
  readonly owners: Map<string, Owner>;
  readonly key: string;
  readonly last: Owner | undefined;
}

function applyOutcome(request: ApplyRequest, { live, object, owners, key, last }: Applied): ApplyOutcome {
  const self = owners.get(key)!;
  const sameObject = request.live !== null && equalJson(live, object);
  const sameFields = last !== undefined && last.apiVersion === self.apiVersion && last.fields.equals(self.fields);
  if (sameObject && last !== undefined) owners.set(key, { ...self, time: sameFields ? last.time : self.time });
  const result = writeOwners(object, owners);
  const changed =
    !sameObject || !equalJson(dig(result, 'metadata', 'managedFields'), dig(request.live, 'metadata', 'managedFields'));
  return { outcome: 'applied', object: result, changed };
}
