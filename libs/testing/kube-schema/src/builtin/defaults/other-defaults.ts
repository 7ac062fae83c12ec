import { asString, dig, type JsonObject } from '../../json.js';
import { child, childObjects, childOrNew, fill } from './fill.js';

/** `stringData` is write-only: it ends up in `data`, in base64. */
export function defaultSecret(secret: JsonObject): void {
  fill(secret, { type: 'Opaque' });
  const plain = child(secret, 'stringData');
  if (plain === undefined) return;
  const data = childOrNew(secret, 'data');
  for (const [key, value] of Object.entries(plain)) {
    if (typeof value === 'string') data[key] = Buffer.from(value, 'utf8').toString('base64');
  }
  Reflect.deleteProperty(secret, 'stringData');
}

export function defaultEndpoints(endpoints: JsonObject): void {
  for (const subset of childObjects(endpoints, 'subsets')) {
    for (const port of childObjects(subset, 'ports')) fill(port, { protocol: 'TCP' });
  }
}

export function defaultEndpointSlice(slice: JsonObject): void {
  for (const port of childObjects(slice, 'ports')) {
    fill(port, { protocol: 'TCP' });
    port['name'] ??= '';
  }
}

export function defaultNetworkPolicy(policy: JsonObject): void {
  const spec = childOrNew(policy, 'spec');
  childOrNew(spec, 'podSelector');
  for (const direction of ['ingress', 'egress']) {
    for (const rule of childObjects(spec, direction)) {
      for (const port of childObjects(rule, 'ports')) fill(port, { protocol: 'TCP' });
    }
  }
  if (spec['policyTypes'] === undefined) {
    spec['policyTypes'] = spec['egress'] === undefined ? ['Ingress'] : ['Ingress', 'Egress'];
  }
}

export function defaultWebhooks(configuration: JsonObject, mutating: boolean): void {
  for (const webhook of childObjects(configuration, 'webhooks')) {
    fill(webhook, { failurePolicy: 'Fail', matchPolicy: 'Equivalent', timeoutSeconds: 10 });
    childOrNew(webhook, 'namespaceSelector');
    childOrNew(webhook, 'objectSelector');
    if (mutating) fill(webhook, { reinvocationPolicy: 'Never' });
    const service = child(child(webhook, 'clientConfig'), 'service');
    if (service !== undefined) fill(service, { port: 443 });
    for (const rule of childObjects(webhook, 'rules')) fill(rule, { scope: '*' });
  }
}

export function defaultAdmissionPolicy(policy: JsonObject): void {
  const spec = childOrNew(policy, 'spec');
  fill(spec, { failurePolicy: 'Fail' });
  const match = child(spec, 'matchConstraints');
  if (match === undefined) return;
  fill(match, { matchPolicy: 'Equivalent' });
  childOrNew(match, 'namespaceSelector');
  childOrNew(match, 'objectSelector');
  for (const rule of childObjects(match, 'resourceRules')) fill(rule, { scope: '*' });
}

export function defaultCrd(crd: JsonObject): void {
  const spec = childOrNew(crd, 'spec');
  const names = childOrNew(spec, 'names');
  const kind = asString(names['kind']);
  if (kind !== '') fill(names, { singular: kind.toLowerCase(), listKind: `${kind}List` });
  const conversion = childOrNew(spec, 'conversion');
  fill(conversion, { strategy: 'None' });
  const service = child(child(child(conversion, 'webhook'), 'clientConfig'), 'service');
  if (service !== undefined) fill(service, { port: 443 });
  if (spec['preserveUnknownFields'] === false) Reflect.deleteProperty(spec, 'preserveUnknownFields');
}

export function defaultRoleBinding(binding: JsonObject): void {
  const roleRef = child(binding, 'roleRef');
  if (roleRef !== undefined) fill(roleRef, { apiGroup: 'rbac.authorization.k8s.io' });
  for (const subject of childObjects(binding, 'subjects')) {
    if (subject['kind'] === 'User' || subject['kind'] === 'Group')
      fill(subject, { apiGroup: 'rbac.authorization.k8s.io' });
  }
}

export function defaultPersistentVolumeClaim(claim: JsonObject): void {
  fill(childOrNew(claim, 'spec'), { volumeMode: 'Filesystem' });
}

export function defaultPersistentVolume(volume: JsonObject): void {
  fill(childOrNew(volume, 'spec'), { persistentVolumeReclaimPolicy: 'Retain', volumeMode: 'Filesystem' });
  const hostPath = child(child(volume, 'spec'), 'hostPath');
  if (hostPath !== undefined && hostPath['type'] === undefined) hostPath['type'] = '';
}

export function defaultStorageClass(storageClass: JsonObject): void {
  fill(storageClass, { reclaimPolicy: 'Delete', volumeBindingMode: 'Immediate' });
}

export function defaultPriorityClass(priorityClass: JsonObject): void {
  fill(priorityClass, { preemptionPolicy: 'PreemptLowerPriority' });
}

/** Amounts of a node are what it has, unless it says what it can give. */
export function defaultNode(node: JsonObject): void {
  const capacity = dig(node, 'status', 'capacity');
  const status = child(node, 'status');
  if (status !== undefined && status['allocatable'] === undefined && capacity !== undefined)
    status['allocatable'] = capacity;
}
