import { parseCidr } from '@weft/ip';
import { describe, type FieldReader } from './field-reader.js';
import { parseResource, type ParsedResource } from './parsed-resource.js';
import { readTargetReferences, type PolicyTargetReference } from './policy-target.js';
import { readSelector, type WorkloadSelector } from './selector.js';

export const AUTHORIZATION_ACTIONS = ['ALLOW', 'DENY', 'AUDIT', 'CUSTOM'] as const;
export type AuthorizationAction = (typeof AUTHORIZATION_ACTIONS)[number];

const SOURCE_FIELDS = [
  'principals',
  'notPrincipals',
  'requestPrincipals',
  'notRequestPrincipals',
  'namespaces',
  'notNamespaces',
  'ipBlocks',
  'notIpBlocks',
  'remoteIpBlocks',
  'notRemoteIpBlocks',
  'serviceAccounts',
  'notServiceAccounts',
  'trustDomains',
  'notTrustDomains',
] as const;
const OPERATION_FIELDS = [
  'hosts',
  'notHosts',
  'ports',
  'notPorts',
  'methods',
  'notMethods',
  'paths',
  'notPaths',
] as const;

export type SourceField = (typeof SOURCE_FIELDS)[number];
export type OperationField = (typeof OPERATION_FIELDS)[number];

/** Values as written; only those given. */
export type AuthorizationSource = Readonly<Partial<Record<SourceField, readonly string[]>>>;
export type AuthorizationOperation = Readonly<Partial<Record<OperationField, readonly string[]>>>;

export interface AuthorizationCondition {
  readonly key: string;
  readonly values: readonly string[];
  readonly notValues: readonly string[];
}

/** Undefined: not given, no constraint. */
export interface AuthorizationRule {
  readonly from?: readonly AuthorizationSource[];
  readonly to?: readonly AuthorizationOperation[];
  readonly when?: readonly AuthorizationCondition[];
}

export interface AuthorizationPolicySpec {
  readonly selector?: WorkloadSelector;
  readonly targetRefs: readonly PolicyTargetReference[];
  readonly action: AuthorizationAction;
  readonly provider?: string;
  readonly rules: readonly AuthorizationRule[];
}

export type AuthorizationPolicy = ParsedResource<AuthorizationPolicySpec>;

const MAX_SERVICE_ACCOUNTS = 16;
const MAX_SERVICE_ACCOUNT_LENGTH = 320;
const PLAIN_KEYS = new Set([
  'source.ip',
  'remote.ip',
  'source.namespace',
  'source.serviceAccount',
  'source.principal',
  'source.trustDomain',
  'request.auth.principal',
  'request.auth.audiences',
  'request.auth.presenter',
  'destination.ip',
  'destination.port',
  'connection.sni',
]);
const NESTED_KEY =
  /^(request\.headers\[[^\][]+\]|request\.auth\.claims(\[[^\][]+\])+|experimental\.envoy\.filters\..+)$/;

/**
 * Reads an AuthorizationPolicy. The spec is null only when its action or its scope cannot be told. A problem inside a rule
 * leaves the rule in place: whoever enforces it must fail closed for the field that `problems` names.
 */
export function parseAuthorizationPolicy(object: unknown): AuthorizationPolicy {
  return parseResource(object, readSpec);
}

function readSpec(reader: FieldReader): AuthorizationPolicySpec | null {
  const fields = reader.object(['selector', 'targetRef', 'targetRefs', 'action', 'provider', 'rules']);
  if (fields === null) return null;
  const action = fields.action.present ? fields.action.oneOf(AUTHORIZATION_ACTIONS) : 'ALLOW';
  const errorsBefore = reader.errorCount;
  const selector = readSelector(fields.selector);
  const selectorBroken = reader.errorCount > errorsBefore;
  const targetRefs = readTargetReferences(fields.targetRef, fields.targetRefs);
  if (selector !== undefined && targetRefs.length > 0) {
    fields.selector.error('is set beside targetRefs', 'keep one of the two');
  }
  const provider = fields.provider.object(['name'])?.name.text();
  const rules = fields.rules.list().map(readRule);
  for (const rule of fields.rules.list()) checkRuleOfAction(rule, action ?? 'ALLOW');
  if (action === undefined || selectorBroken) return null;
  checkAction(fields, action, provider, rules);
  return { ...(selector && { selector }), targetRefs, action, ...(provider !== undefined && { provider }), rules };
}

function checkAction(
  fields: { readonly provider: FieldReader; readonly rules: FieldReader },
  action: AuthorizationAction,
  provider: string | undefined,
  rules: readonly AuthorizationRule[],
): void {
  if (action === 'CUSTOM' && provider === undefined)
    fields.provider.error('is missing', 'name an extension provider of the mesh config');
  if (action !== 'CUSTOM' && fields.provider.present)
    fields.provider.error(`is set for ${action}`, 'remove it, or use action CUSTOM');
  if (rules.length === 0 && (action === 'DENY' || action === 'CUSTOM')) {
    fields.rules.error(`has no rule, so that ${action} never applies`, 'write `rules: [{}]` to match everything');
  }
}

const IDENTITY_FIELDS = ['principals', 'namespaces', 'serviceAccounts', 'trustDomains', 'requestPrincipals'] as const;
const IDENTITY_KEY = /^(source\.(principal|namespace|serviceAccount|trustDomain)|request\.auth\.)/;
const L4_SOURCES = ['principals', 'namespaces', 'serviceAccounts', 'ipBlocks'] as const;
const L4_KEY = /^(source\.(ip|principal|namespace|serviceAccount)|destination\.|connection\.)/;
const withNot = (names: readonly string[]): readonly string[] =>
  names.flatMap((name) => [name, `not${name.charAt(0).toUpperCase()}${name.slice(1)}`]);
const IDENTITY = withNot(IDENTITY_FIELDS);
const L4 = withNot([...L4_SOURCES, 'ports']);

/** What a rule must not ask of some actions. */
function checkRuleOfAction(rule: FieldReader, action: AuthorizationAction): void {
  const sources = rule
    .field('from')
    .list()
    .map((item) => item.field('source'));
  const operations = rule
    .field('to')
    .list()
    .map((item) => item.field('operation'));
  const keys = rule
    .field('when')
    .list()
    .map((item) => item.field('key'));
  if (action === 'CUSTOM') {
    const cure = 'remove it, or check it by a DENY policy: the provider decides before identities are looked at';
    for (const source of sources)
      for (const name of IDENTITY)
        if (source.field(name).present) source.field(name).error('is not supported with action CUSTOM', cure);
    for (const key of keys)
      if (IDENTITY_KEY.test(key.text() ?? '')) key.error('is not supported with action CUSTOM', cure);
  }
  const conditions = sources.length + operations.length + keys.length;
  const hasL4 =
    [...sources, ...operations].some((one) => L4.some((name) => one.field(name).present)) ||
    keys.some((key) => L4_KEY.test(key.text() ?? ''));
  if (action === 'DENY' && conditions > 0 && !hasL4)
    rule.warn(
      'has only HTTP conditions, which TCP connections do not have: all of them would be denied',
      'add `to` with the ports of HTTP',
    );
}

function readRule(reader: FieldReader): AuthorizationRule {
  const fields = reader.object(['from', 'to', 'when']);
  if (fields === null) return {};
  const { from, to, when } = fields;
  for (const clause of [from, to]) {
    if (clause.present && clause.list().length === 0) clause.error('is empty', 'remove it, or write what it matches');
  }
  return {
    ...(from.present && { from: from.list().map(readSource) }),
    ...(to.present && { to: to.list().map(readOperation) }),
    ...(when.present && { when: when.list().map(readCondition) }),
  };
}

/** The given lists only; a list that is given but empty counts as not given. */
function readLists<const N extends string>(
  reader: FieldReader | undefined,
  names: readonly N[],
): Partial<Record<N, readonly string[]>> {
  const fields = reader?.object(names);
  const lists: Partial<Record<N, readonly string[]>> = {};
  if (fields === undefined || fields === null) return lists;
  for (const name of names) {
    const values = fields[name].texts();
    if (values.length > 0) lists[name] = values;
    if (values.includes('')) fields[name].error('has an empty value', 'remove it');
  }
  return lists;
}

function readSource(reader: FieldReader): AuthorizationSource {
  const source = reader.object(['source'])?.source;
  const lists = readLists(source, SOURCE_FIELDS);
  if (Object.keys(lists).length === 0) reader.error('has no source', 'write at least one field under `source`');
  if (source === undefined) return lists;
  const fields = source.object(SOURCE_FIELDS);
  if (fields === null) return lists;
  for (const name of ['trustDomains', 'notTrustDomains'] as const) checkTrustDomains(fields[name]);
  for (const name of ['ipBlocks', 'notIpBlocks', 'remoteIpBlocks', 'notRemoteIpBlocks'] as const)
    checkBlocks(fields[name]);
  for (const name of ['serviceAccounts', 'notServiceAccounts'] as const) checkServiceAccounts(fields[name]);
  if (lists.serviceAccounts && (lists.principals || lists.namespaces)) {
    fields.serviceAccounts.error(
      'is set beside principals or namespaces',
      'keep one of them: a service account names its namespace',
    );
  }
  for (const name of ['principals', 'notPrincipals'] as const) {
    for (const item of fields[name].list()) {
      if (item.text()?.startsWith('spiffe://'))
        item.warn('starts with spiffe://, so that it never matches', 'remove the prefix');
    }
  }
  return lists;
}

function checkBlocks(reader: FieldReader): void {
  for (const item of reader.list()) {
    const text = item.text();
    if (text !== undefined && parseCidr(text) === null) {
      item.error(`${describe(text)} is not an IP address or CIDR`, 'write 10.0.0.1, 10.0.0.0/8 or fd00::/8');
    }
  }
}

function checkTrustDomains(reader: FieldReader): void {
  for (const item of reader.list()) {
    const text = item.text() ?? '';
    if (text.includes('/')) item.error('has a slash', 'write a trust domain such as cluster.local');
    else if (text.slice(1, -1).includes('*')) item.error('has a wildcard in the middle', 'put it first or last');
  }
}

function checkServiceAccounts(reader: FieldReader): void {
  const items = reader.list();
  if (items.length > MAX_SERVICE_ACCOUNTS)
    reader.error(`has ${items.length} entries`, `at most ${MAX_SERVICE_ACCOUNTS}: split the rule`);
  for (const item of items) {
    const text = item.text() ?? '';
    if (text.includes('*')) item.error('has a wildcard', 'name the service account, or use principals');
    if (text.length > MAX_SERVICE_ACCOUNT_LENGTH)
      item.error('is too long', `at most ${MAX_SERVICE_ACCOUNT_LENGTH} characters`);
    if (!/^([^/]+\/)?[^/]*$/.test(text))
      item.error(`${describe(text)} is not a service account`, 'write `name` or `namespace/name`');
  }
}

function readOperation(reader: FieldReader): AuthorizationOperation {
  const operation = reader.object(['operation'])?.operation;
  const lists = readLists(operation, OPERATION_FIELDS);
  if (Object.keys(lists).length === 0) reader.error('has no operation', 'write at least one field under `operation`');
  const fields = operation?.object(OPERATION_FIELDS);
  for (const name of ['paths', 'notPaths'] as const) fields?.[name].list().forEach(checkPath);
  for (const name of ['ports', 'notPorts'] as const) for (const item of fields?.[name].list() ?? []) checkPort(item);
  return lists;
}

/** `{*}` stands for one segment, `{**}` for the rest. */
function checkPath(item: FieldReader): void {
  const text = item.text() ?? '';
  if (!/[{}]/.test(text)) return;
  const segments = text.split('/');
  const cure = 'use {*} for a whole segment and {**} for the last one';
  if (segments.some((segment) => /[{}]/.test(segment) && segment !== '{*}' && segment !== '{**}'))
    item.error(`${describe(text)} has a template inside a segment`, cure);
  else if (segments.slice(0, -1).includes('{**}')) item.error(`${describe(text)} goes on after {**}`, cure);
  else if (segments.some((segment) => segment.includes('*') && !segment.startsWith('{')))
    item.error(`${describe(text)} has * beside a template`, cure);
}

function checkPort(item: FieldReader): void {
  const text = item.text();
  if (text !== undefined && !isPort(text))
    item.error(`${describe(text)} is not a port`, 'use a number from 1 to 65535, in quotes');
}

const isPort = (text: string): boolean => /^[1-9]\d{0,4}$/.test(text) && Number(text) <= 65_535;

function readCondition(reader: FieldReader): AuthorizationCondition {
  const fields = reader.object(['key', 'values', 'notValues']);
  const key = fields?.key.text() ?? '';
  const values = fields?.values.texts() ?? [];
  const notValues = fields?.notValues.texts() ?? [];
  if (fields === null) return { key, values, notValues };
  if (!PLAIN_KEYS.has(key) && !NESTED_KEY.test(key)) {
    fields.key.error(
      `${describe(key)} is not a known attribute`,
      'use one such as source.principal, source.ip or destination.port',
    );
  }
  if (values.length + notValues.length === 0) reader.error('has no values', 'write `values` or `notValues`');
  for (const list of [fields.values, fields.notValues]) {
    if (key === 'source.ip' || key === 'remote.ip' || key === 'destination.ip') checkBlocks(list);
    if (key === 'destination.port') list.list().forEach(checkPort);
    if (key === 'source.serviceAccount') checkServiceAccounts(list);
  }
  return { key, values, notValues };
}
