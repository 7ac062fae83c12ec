import { duplicate, forbidden, invalid, notSupported, required, type Cause } from '../cause.js';
import { childPath, indexPath, keyPath } from '../field-path.js';
import { asList, asObject, asString, isObject, type JsonObject } from '../json.js';
import { dns1035LabelProblems, dns1123SubdomainProblems } from '../names.js';
import type { Schema } from '../schema.js';
import type { ObjectProblems } from '../validate-object.js';
import { unsupportedRules } from './cel-rules.js';
import { compileSchema } from './compile-schema.js';
import { validateValue } from './validate-value.js';

/** Judges a CustomResourceDefinition itself: names, versions, structural schema, defaults. `validateObject` already calls it for CRDs. */
export function checkCrd(crd: JsonObject): ObjectProblems {
  const causes: Cause[] = [];
  const spec = asObject(crd['spec']);
  const names = asObject(spec['names']);
  const group = asString(spec['group']);
  if (group === '') causes.push(required('spec.group'));
  else {
    causes.push(...dns1123SubdomainProblems(group).map((item) => invalid('spec.group', group, item)));
    if (!group.includes('.')) causes.push(invalid('spec.group', group, 'should be a domain with at least one dot'));
  }
  const name = asString(asObject(crd['metadata'])['name']);
  const wanted = `${asString(names['plural'])}.${group}`;
  if (name !== wanted) causes.push(invalid('metadata.name', name, 'must be spec.names.plural+"."+spec.group'));
  if (spec['scope'] === undefined || spec['scope'] === '') causes.push(required('spec.scope'));
  else if (spec['scope'] !== 'Namespaced' && spec['scope'] !== 'Cluster') {
    causes.push(notSupported('spec.scope', spec['scope'], ['Cluster', 'Namespaced']));
  }
  checkNames(names, causes);
  const warnings: string[] = [];
  checkVersions(spec, { causes, warnings });
  checkConversion(spec, causes);
  if (spec['preserveUnknownFields'] === true) {
    causes.push(invalid('spec.preserveUnknownFields', true, 'must be false in order to use defaults in the schema'));
  }
  checkProtectedGroup(crd, group, causes);
  return { causes, warnings };
}

function checkProtectedGroup(crd: JsonObject, group: string, causes: Cause[]): void {
  if (!/(^|\.)(k8s\.io|kubernetes\.io)$/.test(group)) return;
  const approval = asObject(asObject(crd['metadata'])['annotations'])['api-approved.kubernetes.io'];
  if (typeof approval === 'string' && (/^https?:\/\//.test(approval) || approval.startsWith('unapproved'))) return;
  causes.push(
    required(
      'metadata.annotations[api-approved.kubernetes.io]',
      'protected groups must have approval annotation "api-approved.kubernetes.io", see https://github.com/kubernetes/enhancements/pull/1111',
    ),
  );
}

function checkNames(names: JsonObject, causes: Cause[]): void {
  for (const [key, needed] of [
    ['plural', true],
    ['singular', false],
    ['kind', true],
    ['listKind', false],
  ] as const) {
    const value = asString(names[key]);
    if (value === '') {
      if (needed) causes.push(required(`spec.names.${key}`));
      continue;
    }
    const problems = dns1035LabelProblems(key === 'kind' || key === 'listKind' ? value.toLowerCase() : value);
    if (problems.length > 0) causes.push(invalid(`spec.names.${key}`, value, problems.join(',')));
  }
  if (asString(names['listKind']) !== '' && names['listKind'] === names['kind']) {
    causes.push(invalid('spec.names.listKind', names['listKind'], 'kind and listKind may not be the same'));
  }
  for (const key of ['shortNames', 'categories'] as const) {
    for (const [i, item] of asList(names[key]).entries()) {
      const problems = dns1035LabelProblems(asString(item));
      if (problems.length > 0) causes.push(invalid(indexPath(`spec.names.${key}`, i), item, problems.join(',')));
    }
  }
}

interface Found {
  readonly causes: Cause[];
  readonly warnings: string[];
}

function checkVersions(spec: JsonObject, found: Found): void {
  const { causes } = found;
  const versions = asList(spec['versions']).map((item) => asObject(item));
  const seen = new Set<string>();
  for (const [i, version] of versions.entries()) {
    const field = indexPath('spec.versions', i);
    const name = asString(version['name']);
    const problems = dns1035LabelProblems(name);
    if (problems.length > 0) causes.push(invalid(childPath(field, 'name'), name, problems.join(',')));
    if (seen.has(name)) causes.push(invalid('spec.versions', name, 'must contain unique version names'));
    seen.add(name);
    checkSchema(version, field, found);
    checkSubresources(version, field, causes);
    checkColumns(version, field, causes);
  }
  const stored = versions.filter((version) => version['storage'] === true).length;
  if (stored !== 1) {
    causes.push(
      invalid(
        'spec.versions',
        versions.map((version) => asString(version['name'])),
        'must have exactly one version marked as storage version',
      ),
    );
  }
}

function checkSchema(version: JsonObject, field: string, { causes, warnings }: Found): void {
  const source = asObject(version['schema'])['openAPIV3Schema'];
  const at = childPath(field, 'schema.openAPIV3Schema');
  if (!isObject(source)) {
    causes.push(required(at, 'schemas are required'));
    return;
  }
  const compiled = compileSchema(source, at);
  if (!compiled.ok) {
    causes.push(...compiled.error);
    return;
  }
  checkMetadata(compiled.value, at, causes);
  checkDefaults(compiled.value, at, causes);
  warnings.push(...unsupportedRules(compiled.value, at));
}

function checkMetadata(schema: Schema, field: string, causes: Cause[]): void {
  const metadata = schema.properties?.['metadata'];
  if (metadata === undefined) return;
  const at = childPath(field, 'properties[metadata]');
  const extra = Object.keys(metadata.properties ?? {}).filter((key) => key !== 'name' && key !== 'generateName');
  if (extra.length > 0 || metadata.additional !== undefined) {
    causes.push(
      forbidden(at, 'must not specify anything other than name and generateName, but metadata is implicitly specified'),
    );
  }
  if (metadata.default !== undefined)
    causes.push(forbidden(childPath(at, 'default'), 'must not be set in top-level metadata'));
}

/** A default has to be valid itself, else every object that relies on it would be refused later. */
function checkDefaults(schema: Schema, field: string, causes: Cause[]): void {
  if (schema.default !== undefined) {
    for (const problem of validateValue(schema, schema.default)) {
      causes.push({
        ...problem,
        field: problem.field === '' ? childPath(field, 'default') : `${field}.default.${problem.field}`,
      });
    }
  }
  for (const [key, child] of Object.entries(schema.properties ?? {})) {
    checkDefaults(child, keyPath(childPath(field, 'properties'), key), causes);
  }
  if (schema.items !== undefined) checkDefaults(schema.items, childPath(field, 'items'), causes);
  if (schema.additional !== undefined)
    checkDefaults(schema.additional, childPath(field, 'additionalProperties'), causes);
}

const SIMPLE_PATH = /^(\.[a-zA-Z_][\w-]*|\['[^']+'\])+$/;

function checkSubresources(version: JsonObject, field: string, causes: Cause[]): void {
  const scale = asObject(version['subresources'])['scale'];
  if (!isObject(scale)) return;
  const at = childPath(field, 'subresources.scale');
  for (const [key, prefix, needed] of [
    ['specReplicasPath', '.spec.', true],
    ['statusReplicasPath', '.status.', true],
    ['labelSelectorPath', '', false],
  ] as const) {
    const value = asString(scale[key]);
    if (value === '') {
      if (needed) causes.push(required(childPath(at, key)));
    } else if (!SIMPLE_PATH.test(value))
      causes.push(invalid(childPath(at, key), value, 'should be a simple json path'));
    else if (!value.startsWith(prefix))
      causes.push(invalid(childPath(at, key), value, `should be a json path under ${prefix.slice(0, -1)}`));
  }
}

const COLUMN_TYPES = ['boolean', 'date', 'integer', 'number', 'string'];

function checkColumns(version: JsonObject, field: string, causes: Cause[]): void {
  for (const [i, item] of asList(version['additionalPrinterColumns']).entries()) {
    const column = asObject(item);
    const at = indexPath(childPath(field, 'additionalPrinterColumns'), i);
    if (asString(column['name']) === '') causes.push(required(childPath(at, 'name')));
    const type = asString(column['type']);
    if (type === '') causes.push(required(childPath(at, 'type'), `must be one of ${COLUMN_TYPES.join(',')}`));
    else if (!COLUMN_TYPES.includes(type))
      causes.push(invalid(childPath(at, 'type'), type, `must be one of ${COLUMN_TYPES.join(',')}`));
    if (asString(column['jsonPath']) === '') causes.push(required(childPath(at, 'jsonPath')));
  }
  const paths = new Set<string>();
  for (const [i, item] of asList(version['selectableFields']).entries()) {
    const at = childPath(indexPath(childPath(field, 'selectableFields'), i), 'jsonPath');
    const path = asString(asObject(item)['jsonPath']);
    if (path === '') causes.push(required(at));
    else if (!SIMPLE_PATH.test(path)) causes.push(invalid(at, path, 'is an invalid path: must be a simple json path'));
    if (paths.has(path)) causes.push(duplicate(at, path));
    paths.add(path);
  }
}

function checkConversion(spec: JsonObject, causes: Cause[]): void {
  const conversion = spec['conversion'];
  if (!isObject(conversion)) return;
  const strategy = asString(conversion['strategy']);
  if (strategy === '') causes.push(required('spec.conversion.strategy'));
  else if (strategy !== 'None' && strategy !== 'Webhook') {
    causes.push(notSupported('spec.conversion.strategy', strategy, ['None', 'Webhook']));
  }
}
