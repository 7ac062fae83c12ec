import { tooLong } from '../../cause.js';
import { childPath, indexPath, keyPath } from '../../field-path.js';
import { asList, asString, dig, equalJson, isObject, type JsonObject } from '../../json.js';
import { configKeyProblems, dns1123SubdomainProblems } from '../../names.js';
import { checkCrd } from '../../crd/check-crd.js';
import { childObjects } from '../defaults/fill.js';
import type { Problems } from './problems.js';

const MAX_DATA_BYTES = 1024 * 1024;

function validateKeys(object: JsonObject, parts: readonly string[], problems: Problems): void {
  let bytes = 0;
  const seen = new Set<string>();
  for (const part of parts) {
    for (const [key, value] of Object.entries(isObject(object[part]) ? object[part] : {})) {
      problems.check(keyPath(part, key), key, configKeyProblems(key));
      if (seen.has(key)) problems.invalid(keyPath(part, key), key, `duplicate of key present in ${parts[0]!}`);
      seen.add(key);
      bytes += Buffer.byteLength(asString(value));
    }
  }
  if (bytes > MAX_DATA_BYTES) problems.add(tooLong(parts.length > 1 ? '' : 'data', MAX_DATA_BYTES));
}

function validateFrozen(
  object: JsonObject,
  old: JsonObject | undefined,
  parts: readonly string[],
  problems: Problems,
): void {
  if (old?.['immutable'] !== true) return;
  if (object['immutable'] !== true) problems.forbidden('immutable', 'field is immutable when `immutable` is set');
  for (const part of parts) {
    if (!equalJson(object[part], old[part])) problems.forbidden(part, 'field is immutable when `immutable` is set');
  }
}

export function validateConfigMap(object: JsonObject, old: JsonObject | undefined, problems: Problems): void {
  validateKeys(object, ['data', 'binaryData'], problems);
  validateFrozen(object, old, ['data', 'binaryData'], problems);
}

const SECRET_KEYS: Readonly<Record<string, readonly string[]>> = {
  'kubernetes.io/dockercfg': ['.dockercfg'],
  'kubernetes.io/dockerconfigjson': ['.dockerconfigjson'],
  'kubernetes.io/ssh-auth': ['ssh-privatekey'],
  'kubernetes.io/tls': ['tls.crt', 'tls.key'],
};

export function validateSecret(object: JsonObject, old: JsonObject | undefined, problems: Problems): void {
  validateKeys(object, ['data'], problems);
  const type = asString(object['type']);
  for (const key of SECRET_KEYS[type] ?? []) {
    if (dig(object, 'data', key) === undefined) problems.required(keyPath('data', key));
  }
  if (type === 'kubernetes.io/service-account-token') {
    const account = dig(object, 'metadata', 'annotations', 'kubernetes.io/service-account.name');
    if (asString(account) === '') problems.required('metadata.annotations[kubernetes.io/service-account.name]');
  }
  if (old !== undefined) problems.immutable('type', object['type'], old['type']);
  validateFrozen(object, old, ['data'], problems);
}

export function validateRole(object: JsonObject, _old: JsonObject | undefined, problems: Problems): void {
  for (const [i, rule] of childObjects(object, 'rules').entries()) {
    const at = indexPath('rules', i);
    if (asList(rule['verbs']).length === 0)
      problems.required(childPath(at, 'verbs'), 'verbs must contain at least one value');
    if (asList(rule['nonResourceURLs']).length > 0) continue;
    if (asList(rule['apiGroups']).length === 0)
      problems.required(childPath(at, 'apiGroups'), 'resource rules must supply at least one api group');
    if (asList(rule['resources']).length === 0)
      problems.required(childPath(at, 'resources'), 'resource rules must supply at least one resource');
  }
}

export function validateRoleBinding(object: JsonObject, old: JsonObject | undefined, problems: Problems): void {
  problems.oneOf(
    'roleRef.kind',
    dig(object, 'roleRef', 'kind'),
    object['kind'] === 'ClusterRoleBinding' ? ['ClusterRole'] : ['ClusterRole', 'Role'],
  );
  if (asString(dig(object, 'roleRef', 'name')) === '') problems.required('roleRef.name');
  for (const [i, subject] of childObjects(object, 'subjects').entries()) {
    const at = indexPath('subjects', i);
    if (asString(subject['name']) === '') problems.required(childPath(at, 'name'));
    problems.oneOf(childPath(at, 'kind'), subject['kind'], ['ServiceAccount', 'User', 'Group']);
    if (subject['kind'] === 'ServiceAccount' && asString(subject['namespace']) === '')
      problems.required(childPath(at, 'namespace'));
  }
  if (old !== undefined && !equalJson(object['roleRef'], old['roleRef'])) {
    problems.invalid('roleRef', object['roleRef'], 'cannot change roleRef');
  }
}

export function validateLease(object: JsonObject, _old: JsonObject | undefined, problems: Problems): void {
  const seconds = dig(object, 'spec', 'leaseDurationSeconds');
  if (typeof seconds === 'number' && seconds <= 0)
    problems.invalid('spec.leaseDurationSeconds', seconds, 'must be greater than 0');
  const transitions = dig(object, 'spec', 'leaseTransitions');
  if (typeof transitions === 'number' && transitions < 0)
    problems.invalid('spec.leaseTransitions', transitions, 'must be greater than or equal to 0');
}

export function validateWebhooks(object: JsonObject, _old: JsonObject | undefined, problems: Problems): void {
  const names = new Set<string>();
  for (const [i, webhook] of childObjects(object, 'webhooks').entries()) {
    const at = indexPath('webhooks', i);
    const name = asString(webhook['name']);
    if (name === '') problems.required(childPath(at, 'name'));
    else if (name.split('.').length < 3)
      problems.invalid(
        childPath(at, 'name'),
        name,
        'should be a domain with at least three segments separated by dots',
      );
    else problems.check(childPath(at, 'name'), name, dns1123SubdomainProblems(name));
    if (names.has(name))
      problems.add({
        reason: 'FieldValueDuplicate',
        message: `Duplicate value: ${JSON.stringify(name)}`,
        field: childPath(at, 'name'),
      });
    names.add(name);
    const target = isObject(webhook['clientConfig']) ? webhook['clientConfig'] : {};
    if ((target['url'] === undefined) === (target['service'] === undefined)) {
      problems.required(childPath(at, 'clientConfig'), 'exactly one of url or service is required');
    }
    problems.oneOf(childPath(at, 'sideEffects'), webhook['sideEffects'], ['None', 'NoneOnDryRun']);
    problems.oneOf(childPath(at, 'failurePolicy'), webhook['failurePolicy'], ['Fail', 'Ignore']);
    problems.oneOf(childPath(at, 'matchPolicy'), webhook['matchPolicy'], ['Equivalent', 'Exact']);
    if (asList(webhook['admissionReviewVersions']).length === 0) {
      problems.required(childPath(at, 'admissionReviewVersions'), 'must specify one of v1, v1beta1');
    }
    const timeout = webhook['timeoutSeconds'];
    if (typeof timeout === 'number' && (timeout < 1 || timeout > 30)) {
      problems.invalid(childPath(at, 'timeoutSeconds'), timeout, 'the timeout value must be between 1 and 30 seconds');
    }
    for (const selector of ['namespaceSelector', 'objectSelector'])
      problems.labelSelector(childPath(at, selector), webhook[selector]);
  }
}

export function validateCrd(object: JsonObject, old: JsonObject | undefined, problems: Problems): void {
  const found = checkCrd(object);
  problems.add(...found.causes);
  problems.warnings.push(...found.warnings);
  if (old === undefined) return;
  for (const path of [['group'], ['scope'], ['names', 'plural'], ['names', 'kind']]) {
    problems.immutable(`spec.${path.join('.')}`, dig(object, 'spec', ...path), dig(old, 'spec', ...path));
  }
  const names = new Set(
    childObjects(isObject(object['spec']) ? object['spec'] : {}, 'versions').map((version) => version['name']),
  );
  for (const [i, stored] of asList(dig(object, 'status', 'storedVersions')).entries()) {
    if (!names.has(stored))
      problems.invalid(indexPath('status.storedVersions', i), stored, 'must appear in spec.versions');
  }
}

export function validateNetworkPolicy(object: JsonObject, _old: JsonObject | undefined, problems: Problems): void {
  problems.labelSelector('spec.podSelector', dig(object, 'spec', 'podSelector'));
  for (const [i, type] of asList(dig(object, 'spec', 'policyTypes')).entries()) {
    problems.oneOf(indexPath('spec.policyTypes', i), type, ['Egress', 'Ingress']);
  }
}

export function validateDisruptionBudget(object: JsonObject, _old: JsonObject | undefined, problems: Problems): void {
  const spec = isObject(object['spec']) ? object['spec'] : {};
  if (spec['minAvailable'] !== undefined && spec['maxUnavailable'] !== undefined) {
    problems.invalid('spec', 'object', 'minAvailable and maxUnavailable cannot be both set');
  }
  problems.labelSelector('spec.selector', spec['selector']);
}

export function validatePriorityClass(object: JsonObject, old: JsonObject | undefined, problems: Problems): void {
  if (old !== undefined) problems.immutable('value', object['value'] ?? 0, old['value'] ?? 0);
}

export function validateStorageClass(object: JsonObject, old: JsonObject | undefined, problems: Problems): void {
  if (asString(object['provisioner']) === '') problems.required('provisioner');
  if (old === undefined) return;
  for (const key of ['provisioner', 'parameters', 'reclaimPolicy', 'volumeBindingMode']) {
    if (!equalJson(object[key], old[key])) problems.forbidden(key, `updates to ${key} are forbidden.`);
  }
}
