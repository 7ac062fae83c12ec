import type { Cause, CauseReason } from '../cause.js';
import { childPath, indexPath, keyPath } from '../field-path.js';
import { isObject, setKey, type JsonObject } from '../json.js';
import type { CelRule, Schema } from '../schema.js';
import { compileCel } from './cel-environment.js';

const MAX_DEPTH = 500;
const REASONS: readonly CauseReason[] = [
  'FieldValueInvalid',
  'FieldValueForbidden',
  'FieldValueRequired',
  'FieldValueDuplicate',
];

/** Evaluates the `x-kubernetes-validations` of a value that already fits its types. A rule that cannot be evaluated here holds. */
export function checkRules(schema: Schema, value: unknown, field: string, old: unknown): readonly Cause[] {
  const causes: Cause[] = [];
  if (hasRules(schema)) walk({ schema, field, depth: 0, causes }, value, old);
  return causes;
}

/** Rules of a schema that are accepted but not evaluated, with the reason; a CustomResourceDefinition warns of them. */
export function unsupportedRules(schema: Schema, field: string): readonly string[] {
  const own = (schema.rules ?? []).flatMap((rule) => {
    const compiled = compileCel(rule.rule);
    return compiled.ok
      ? []
      : [`${field}: rule ${JSON.stringify(rule.rule)} is accepted but not evaluated: ${compiled.error}`];
  });
  const properties = Object.entries(schema.properties ?? {}).flatMap(([key, child]) =>
    unsupportedRules(child, keyPath(childPath(field, 'properties'), key)),
  );
  const items = schema.items === undefined ? [] : unsupportedRules(schema.items, childPath(field, 'items'));
  const additional =
    schema.additional === undefined
      ? []
      : unsupportedRules(schema.additional, childPath(field, 'additionalProperties'));
  return [...own, ...properties, ...items, ...additional];
}

const withRules = new WeakMap<Schema, boolean>();

/** Schemas of custom resources are trees, so this ends; the answer is kept, since most parts of a schema have no rules. */
function hasRules(schema: Schema): boolean {
  let known = withRules.get(schema);
  if (known === undefined) {
    known =
      schema.rules !== undefined ||
      Object.values(schema.properties ?? {}).some((child) => hasRules(child)) ||
      (schema.items !== undefined && hasRules(schema.items)) ||
      (schema.additional !== undefined && hasRules(schema.additional));
    withRules.set(schema, known);
  }
  return known;
}

interface Place {
  readonly schema: Schema;
  readonly field: string;
  readonly depth: number;
  readonly causes: Cause[];
}

function walk(place: Place, value: unknown, old: unknown): void {
  const { schema, field, depth, causes } = place;
  if (depth > MAX_DEPTH || value === null || value === undefined || !hasRules(schema)) return;
  for (const rule of schema.rules ?? []) {
    const cause = checkRule(rule, place, value, old);
    if (cause !== undefined) causes.push(cause);
  }
  const inner = (child: Schema, at: string): Place => ({ schema: child, field: at, depth: depth + 1, causes });
  if (Array.isArray(value)) {
    const { items } = schema;
    if (items === undefined) return;
    for (const [i, item] of (value as readonly unknown[]).entries())
      walk(inner(items, indexPath(field, i)), item, oldItem(schema, item, old));
  } else if (isObject(value)) {
    for (const [key, item] of Object.entries(value)) {
      const before = isObject(old) && Object.hasOwn(old, key) ? old[key] : undefined;
      const property =
        schema.properties !== undefined && Object.hasOwn(schema.properties, key) ? schema.properties[key] : undefined;
      if (property !== undefined) walk(inner(property, childPath(field, key)), item, before);
      else if (schema.additional !== undefined) walk(inner(schema.additional, keyPath(field, key)), item, before);
    }
  }
}

/** Only elements of a map list can be told apart over time; for others transition rules do not run. */
function oldItem(schema: Schema, item: unknown, old: unknown): unknown {
  if (schema.listType !== 'map' || !Array.isArray(old) || !isObject(item)) return undefined;
  const keys = schema.listMapKeys ?? [];
  return (old as readonly unknown[]).find((other) => isObject(other) && keys.every((key) => other[key] === item[key]));
}

function checkRule(rule: CelRule, { schema, field }: Place, value: unknown, old: unknown): Cause | undefined {
  const transition = /\boldSelf\b/.test(rule.rule);
  if (transition && old === undefined && rule.optionalOldSelf !== true) return undefined;
  if (rule.optionalOldSelf === true) return undefined;
  const compiled = compileCel(rule.rule);
  if (!compiled.ok) return undefined;
  const variables = { self: celValue(schema, value), ...(old === undefined ? {} : { oldSelf: celValue(schema, old) }) };
  const result = compiled.value(variables);
  if (result.ok && result.value === true) return undefined;
  const detail = result.ok ? messageOf(rule, variables) : `rule evaluation error: ${result.error}`;
  const reason = REASONS.find((item) => item === rule.reason) ?? 'FieldValueInvalid';
  const at = rule.fieldPath === undefined ? field : `${field}${rule.fieldPath}`;
  return { reason, message: messageFor(reason, typeName(schema, value), detail), field: at };
}

function messageFor(reason: CauseReason, type: string, detail: string): string {
  switch (reason) {
    case 'FieldValueForbidden':
      return `Forbidden: ${detail}`;
    case 'FieldValueRequired':
      return `Required value: ${detail}`;
    case 'FieldValueDuplicate':
      return `Duplicate value: ${JSON.stringify(type)}`;
    default:
      return `Invalid value: ${JSON.stringify(type)}: ${detail}`;
  }
}

function messageOf(rule: CelRule, variables: Readonly<Record<string, unknown>>): string {
  if (rule.messageExpression !== undefined) {
    const compiled = compileCel(rule.messageExpression);
    const text = compiled.ok ? compiled.value(variables) : undefined;
    if (text?.ok === true && typeof text.value === 'string' && text.value.trim() !== '') return text.value;
  }
  return rule.message?.trim() ?? `failed rule: ${rule.rule.trim()}`;
}

function typeName(schema: Schema, value: unknown): string {
  if (Array.isArray(value)) return 'array';
  return schema.type === 'any' || schema.type === 'int-or-string' ? typeof value : schema.type;
}

/** Whole numbers are CEL ints unless the schema says `number`. */
function celValue(schema: Schema | undefined, value: unknown): unknown {
  if (typeof value === 'number')
    return schema?.type !== 'number' && Number.isSafeInteger(value) ? BigInt(value) : value;
  if (Array.isArray(value)) return value.map((item: unknown) => celValue(schema?.items, item));
  if (!isObject(value)) return value;
  const result: JsonObject = {};
  for (const [key, item] of Object.entries(value)) {
    const property =
      schema?.properties !== undefined && Object.hasOwn(schema.properties, key)
        ? schema.properties[key]
        : schema?.additional;
    setKey(result, key, celValue(property, item));
  }
  return result;
}
