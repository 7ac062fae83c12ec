import { err, ok, type Result } from '@weft/result';
import { cloneJson, equalJson, isObject, setKey, type JsonObject } from '../json.js';
import type { Schema } from '../schema.js';
import { orderItems } from './element-order.js';
import { malformedPatch, unfitPatch, type PatchError } from './patch-error.js';

const DIRECTIVE = '$patch';
const RETAIN_KEYS = '$retainKeys';
const ELEMENT_ORDER = '$setElementOrder/';
const DELETE_PRIMITIVES = '$deleteFromPrimitiveList/';

class StrategicPatchError extends Error {
  constructor(readonly problem: PatchError) {
    super(problem.message);
  }
}

const badPatch = (message: string) => new StrategicPatchError(malformedPatch(message));

/** Kubernetes' strategic merge patch. Built-in types only: for a custom resource the server answers 415. The inputs are not changed. */
export function strategicMerge(
  schema: Schema,
  original: JsonObject,
  patch: JsonObject,
): Result<JsonObject, PatchError> {
  try {
    return ok(mergeObject(cloneJson(original), cloneJson(patch), schema));
  } catch (thrown) {
    if (thrown instanceof StrategicPatchError) return err(thrown.problem);
    throw thrown;
  }
}

/** How the schema says that one field merges. */
interface FieldRule {
  readonly schema: Schema | undefined;
  readonly merge: boolean;
  readonly replace: boolean;
  readonly mergeKey: string;
}

function ruleOf(schema: Schema | undefined, key: string): FieldRule {
  const properties = schema?.properties;
  const field = properties !== undefined && Object.hasOwn(properties, key) ? properties[key] : schema?.additional;
  const strategies = field?.patchStrategy ?? [];
  return {
    schema: field,
    merge: strategies.includes('merge'),
    replace: strategies.includes('replace'),
    mergeKey: field?.patchMergeKey ?? '',
  };
}

function mergeObject(original: JsonObject, patch: JsonObject, schema: Schema | undefined): JsonObject {
  if (Object.hasOwn(patch, DIRECTIVE)) return applyDirective(patch);
  retainKeys(original, patch);
  applyElementOrders(original, patch, schema);
  for (const [patchKey, value] of Object.entries(patch)) {
    const deletes = patchKey.startsWith(DELETE_PRIMITIVES);
    const key = deletes ? patchKey.slice(DELETE_PRIMITIVES.length) : patchKey;
    if (value === null) Reflect.deleteProperty(original, key);
    else mergeField(original, key, value, { rule: ruleOf(schema, key), deletes });
  }
  return original;
}

function applyDirective(patch: JsonObject): JsonObject {
  const directive = patch[DIRECTIVE];
  if (directive === 'delete') return {};
  if (directive === 'replace') return without(patch, DIRECTIVE);
  throw badPatch(`unknown patch type [${JSON.stringify(directive)}] found in patch: ${JSON.stringify(patch)}`);
}

function without(object: JsonObject, key: string): JsonObject {
  const copy = { ...object };
  Reflect.deleteProperty(copy, key);
  return copy;
}

/** `$retainKeys` names all that may stay; it must cover what the patch itself sets. */
function retainKeys(original: JsonObject, patch: JsonObject): void {
  const keys = patch[RETAIN_KEYS];
  if (keys === undefined) return;
  Reflect.deleteProperty(patch, RETAIN_KEYS);
  if (!Array.isArray(keys)) throw badPatch('invalid patch format of retainKeys');
  const retained = new Set<unknown>(keys as readonly unknown[]);
  for (const [key, value] of Object.entries(patch)) {
    if (value === null || key.startsWith(DELETE_PRIMITIVES) || key.startsWith(ELEMENT_ORDER) || retained.has(key))
      continue;
    throw badPatch('invalid patch format of retainKeys');
  }
  for (const key of Object.keys(original)) {
    if (!retained.has(key)) Reflect.deleteProperty(original, key);
  }
}

interface FieldMerge {
  readonly rule: FieldRule;
  readonly deletes: boolean;
}

function mergeField(original: JsonObject, key: string, value: unknown, { rule, deletes }: FieldMerge): void {
  const before = Object.hasOwn(original, key) ? original[key] : undefined;
  if (isObject(before) && isObject(value)) {
    setKey(original, key, rule.replace ? cleaned(value) : mergeObject(before, value, rule.schema));
    return;
  }
  if (Array.isArray(before) && Array.isArray(value)) {
    setKey(original, key, mergeList(before, value, { rule, deletes }));
    return;
  }
  if (!deletes) setKey(original, key, cleaned(value));
}

function mergeList(
  before: readonly unknown[],
  patch: readonly unknown[],
  { rule, deletes }: FieldMerge,
): readonly unknown[] {
  if (!rule.merge && !deletes) return cleaned(patch) as readonly unknown[];
  if (before.length === 0 && patch.length === 0) return before;
  if (deletes) return before.filter((item) => !patch.some((gone) => equalJson(gone, item)));
  const kinds = new Set(
    [...before, ...patch].map((item) => (isObject(item) ? 'map' : Array.isArray(item) ? 'list' : 'scalar')),
  );
  if (kinds.has('list')) throw badPatch('merging lists of lists is not supported');
  if (kinds.size > 1) throw new StrategicPatchError(unfitPatch('lists of different types cannot be merged'));
  if (kinds.has('scalar')) {
    const merged = uniqueItems([...before, ...patch]);
    return orderItems(merged, patch, before, '');
  }
  return mergeMapList(before as readonly JsonObject[], patch as readonly JsonObject[], rule);
}

function uniqueItems(items: readonly unknown[]): readonly unknown[] {
  return items.filter((item, i) => items.findIndex((other) => equalJson(other, item)) === i);
}

function mergeMapList(
  before: readonly JsonObject[],
  patch: readonly JsonObject[],
  rule: FieldRule,
): readonly unknown[] {
  const key = rule.mergeKey;
  if (key === '') throw badPatch('cannot merge lists without merge key');
  const special = applySpecialElements(before, patch, key);
  if (special.replaced) return cleaned(special.items) as readonly unknown[];
  const merged: JsonObject[] = [...special.items];
  for (const item of special.rest) {
    const identity = identityOf(item, key);
    const at = merged.findIndex((other) => equalJson(identityOf(other, key), identity));
    if (at < 0) merged.push(cleaned(item) as JsonObject);
    else merged[at] = mergeObject(merged[at]!, item, rule.schema?.items);
  }
  return orderItems(merged, special.rest, special.items, key);
}

function identityOf(item: JsonObject, key: string): unknown {
  if (Object.hasOwn(item, key)) return item[key];
  throw badPatch(`map: ${JSON.stringify(item)} does not contain declared merge key: ${key}`);
}

interface SpecialElements {
  /** The list that is merged into; or the whole new list if `replaced`. */
  readonly items: readonly JsonObject[];
  readonly rest: readonly JsonObject[];
  readonly replaced: boolean;
}

/** `{$patch: delete, <key>: ...}` removes an element, `{$patch: replace}` makes the rest of the patch the whole list. */
function applySpecialElements(
  before: readonly JsonObject[],
  patch: readonly JsonObject[],
  key: string,
): SpecialElements {
  let items = before;
  let replaced = false;
  const rest: JsonObject[] = [];
  for (const element of patch) {
    if (!Object.hasOwn(element, DIRECTIVE)) {
      rest.push(element);
    } else if (element[DIRECTIVE] === 'delete') {
      const identity = identityOf(element, key);
      items = items.filter((item) => !equalJson(identityOf(item, key), identity));
    } else if (element[DIRECTIVE] === 'replace') {
      replaced = true;
    } else if (element[DIRECTIVE] === 'merge') {
      throw badPatch('merging lists cannot yet be specified in the patch');
    } else {
      throw badPatch(
        `unknown patch type [${JSON.stringify(element[DIRECTIVE])}] found in patch: ${JSON.stringify(element)}`,
      );
    }
  }
  return replaced ? { items: rest, rest: [], replaced } : { items, rest, replaced };
}

/** `$setElementOrder/<list>`: merges that list, if the patch has it, and puts it in the named order. */
function applyElementOrders(original: JsonObject, patch: JsonObject, schema: Schema | undefined): void {
  for (const [directive, order] of Object.entries(patch)) {
    if (!directive.startsWith(ELEMENT_ORDER)) continue;
    Reflect.deleteProperty(patch, directive);
    const key = directive.slice(ELEMENT_ORDER.length);
    const before = Object.hasOwn(original, key) ? original[key] : undefined;
    const value = Object.hasOwn(patch, key) ? patch[key] : undefined;
    if (!Array.isArray(order) || !isListOrAbsent(before) || !isListOrAbsent(value)) {
      throw badPatch(`invalid patch format of setElementOrder list: ${directive}`);
    }
    Reflect.deleteProperty(patch, key);
    const rule = ruleOf(schema, key);
    checkOrder(value ?? [], order, rule.mergeKey);
    const merged = mergedForOrder(before, value, rule);
    if (merged !== undefined) setKey(original, key, orderItems(merged, order, before ?? [], rule.mergeKey));
  }
}

function isListOrAbsent(value: unknown): value is readonly unknown[] | undefined {
  return value === undefined || Array.isArray(value);
}

function mergedForOrder(
  before: readonly unknown[] | undefined,
  value: readonly unknown[] | undefined,
  rule: FieldRule,
): readonly unknown[] | undefined {
  if (value === undefined) return before;
  return before === undefined
    ? (cleaned(value) as readonly unknown[])
    : mergeList(before, value, { rule, deletes: false });
}

/** The elements of the patch must come in the order that the directive gives. */
function checkOrder(patch: readonly unknown[], order: readonly unknown[], mergeKey: string): void {
  if (patch.length === 0 || order.length === 0) return;
  let next = 0;
  for (const item of patch) {
    if (isObject(item) && Object.hasOwn(item, DIRECTIVE)) continue;
    while (next < order.length && !sameIdentity(item, order[next], mergeKey)) next++;
    if (next === order.length) {
      throw badPatch(
        `The order in patch list:\n${JSON.stringify(patch)}\n doesn't match $setElementOrder list:\n${JSON.stringify(order)}\n`,
      );
    }
    next++;
  }
}

function sameIdentity(a: unknown, b: unknown, mergeKey: string): boolean {
  if (mergeKey === '' || !isObject(a) || !isObject(b)) return equalJson(a, b);
  return equalJson(a[mergeKey], b[mergeKey]);
}

/** A value of the patch as it is stored: without nulls in objects and without directives. */
function cleaned(value: unknown): unknown {
  if (Array.isArray(value)) {
    return (value as readonly unknown[])
      .filter((item) => !(isObject(item) && item[DIRECTIVE] === 'delete'))
      .map((item) => cleaned(item));
  }
  if (!isObject(value)) return value;
  const result: JsonObject = {};
  for (const [key, item] of Object.entries(value)) {
    if (item === null || key === DIRECTIVE || key === RETAIN_KEYS) continue;
    if (key.startsWith(ELEMENT_ORDER) || key.startsWith(DELETE_PRIMITIVES)) continue;
    setKey(result, key, cleaned(item));
  }
  return result;
}
