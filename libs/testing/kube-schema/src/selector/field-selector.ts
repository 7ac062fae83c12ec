import { err, ok, type Result } from '@weft/result';
import { asList, asString, dig, type JsonObject } from '../json.js';
import type { ResourceInfo } from '../resource-info.js';

export interface FieldRequirement {
  /** Such as `metadata.name` or `spec.nodeName`. */
  readonly field: string;
  readonly operator: '=' | '!=';
  readonly value: string;
}

export type FieldSelector = readonly FieldRequirement[];

const ALWAYS = ['metadata.name', 'metadata.namespace'];

/** `metadata.name=a,status.phase!=Running`; a field that the resource does not offer is an error (400: `field label not supported: x`). */
export function parseFieldSelector(resource: ResourceInfo, text: string): Result<FieldSelector, string> {
  const requirements: FieldRequirement[] = [];
  for (const term of splitTerms(text)) {
    if (term === '') continue;
    const match = /^(?<field>[^=!]*?)(?<operator>!=|==|=)(?<value>.*)$/s.exec(term)?.groups;
    if (match === undefined) return err(`invalid selector: '${term}'; can't understand '${term}'`);
    const field = match['field']!.trim();
    if (!ALWAYS.includes(field) && !resource.selectableFields.includes(field)) {
      return err(`field label not supported: ${field}`);
    }
    const value = unescapeValue(match['value']!);
    if (value === undefined) return err(`invalid field selector: invalid escape sequence in '${term}'`);
    requirements.push({ field, operator: match['operator'] === '!=' ? '!=' : '=', value });
  }
  return ok(requirements);
}

/** Splits at commas that no backslash precedes. */
function splitTerms(text: string): readonly string[] {
  const terms: string[] = [];
  let term = '';
  for (let i = 0; i < text.length; i++) {
    const char = text[i]!;
    if (char === '\\') {
      term += char + (text[++i] ?? '');
    } else if (char === ',') {
      terms.push(term);
      term = '';
    } else {
      term += char;
    }
  }
  return [...terms, term];
}

/** `\\`, `\,` and `\=` stand for themselves; any other escape is wrong. */
function unescapeValue(text: string): string | undefined {
  if (/(^|[^\\])(\\\\)*\\([^\\,=]|$)/.test(text)) return undefined;
  return text.replace(/\\([\\,=])/g, '$1');
}

export function matchesFields(resource: ResourceInfo, selector: FieldSelector, object: JsonObject): boolean {
  return selector.every((requirement) => {
    const equal = fieldText(resource, requirement.field, object) === requirement.value;
    return requirement.operator === '=' ? equal : !equal;
  });
}

function fieldText(resource: ResourceInfo, field: string, object: JsonObject): string {
  if (resource.kind === 'Event' && field === 'source') {
    return asString(dig(object, 'source', 'component')) || asString(object['reportingComponent']);
  }
  if (resource.kind === 'Event' && field === 'reportingComponent' && dig(object, 'reportingComponent') === undefined) {
    return asString(object['reportingController']);
  }
  if (resource.kind === 'Job' && field === 'status.successful')
    return JSON.stringify(dig(object, 'status', 'succeeded') ?? 0);
  if (field === 'status.podIPs') {
    return asList(dig(object, 'status', 'podIPs'))
      .map((item) => asString(dig(item, 'ip')))
      .join(',');
  }
  const value = dig(object, ...field.split('.'));
  if (value === undefined || value === null)
    return BOOLEAN_FIELDS.has(field) ? 'false' : field === 'status.replicas' ? '0' : '';
  return typeof value === 'string' ? value : JSON.stringify(value);
}

const BOOLEAN_FIELDS: ReadonlySet<string> = new Set(['spec.unschedulable', 'spec.hostNetwork']);
