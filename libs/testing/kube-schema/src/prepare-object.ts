import { podQosClass } from './builtin/pod-qos.js';
import { defaultObject } from './default-object.js';
import { asList, asObject, asString, cloneJson, dig, equalJson, isObject, type JsonObject } from './json.js';
import type { ResourceInfo } from './resource-info.js';

/**
 * What the server decides on create, before defaulting: drops `status` where it is a subresource, sets the first status of a Pod, a Namespace or a
 * PersistentVolumeClaim, sets `metadata.generation` to 1 where it counts. Returns a new object.
 */
export function prepareCreate(resource: ResourceInfo, object: JsonObject): JsonObject {
  const result = cloneJson(object);
  // A kubelet registers its node with the status in one go.
  if (hasStatus(resource) && resource.kind !== 'Node') Reflect.deleteProperty(result, 'status');
  const metadata = asObject(result['metadata']);
  result['metadata'] = metadata;
  if (resource.hasGeneration) metadata['generation'] = 1;
  else Reflect.deleteProperty(metadata, 'generation');
  if (resource.custom) return result;
  switch (resource.kind) {
    case 'Pod':
      result['status'] = { phase: 'Pending', qosClass: podQosClass(result) };
      break;
    case 'Namespace':
      prepareNamespace(result, metadata);
      break;
    case 'PersistentVolumeClaim':
    case 'PersistentVolume':
      result['status'] = { phase: 'Pending' };
      break;
    case 'Service':
      result['status'] = { loadBalancer: {} };
      break;
    case 'Job':
      prepareJob(result, metadata);
      break;
  }
  return result;
}

function prepareNamespace(namespace: JsonObject, metadata: JsonObject): void {
  namespace['status'] = { phase: 'Active' };
  const finalizers = asList(dig(namespace, 'spec', 'finalizers'));
  if (!finalizers.includes('kubernetes')) namespace['spec'] = { finalizers: [...finalizers, 'kubernetes'] };
  const labels = { ...asObject(metadata['labels']), 'kubernetes.io/metadata.name': asString(metadata['name']) };
  metadata['labels'] = labels;
}

/** A Job without a selector of its own is told from others by its uid, which the server must have set by now. */
function prepareJob(job: JsonObject, metadata: JsonObject): void {
  const spec = asObject(job['spec']);
  const uid = asString(metadata['uid']);
  if (uid === '' || spec['manualSelector'] === true || spec['selector'] !== undefined || !isObject(spec['template']))
    return;
  const template = spec['template'];
  const meta = asObject(template['metadata']);
  const name = asString(metadata['name']);
  const labels = {
    ...asObject(meta['labels']),
    'batch.kubernetes.io/controller-uid': uid,
    'controller-uid': uid,
    'batch.kubernetes.io/job-name': name,
    'job-name': name,
  };
  spec['selector'] = { matchLabels: { 'batch.kubernetes.io/controller-uid': uid } };
  spec['template'] = { ...template, metadata: { ...meta, labels } };
  job['spec'] = spec;
}

export function hasStatus(resource: ResourceInfo): boolean {
  return resource.subresources.some((item) => item.name === 'status');
}

/** Metadata that only the server writes. */
const SERVER_METADATA = [
  'uid',
  'creationTimestamp',
  'generation',
  'deletionTimestamp',
  'deletionGracePeriodSeconds',
  'selfLink',
];

/**
 * What an update may carry: to the main resource it keeps the old `status`; to `status` it keeps all of the old object but `status` and some metadata.
 * Counts `metadata.generation` up when anything but metadata and status changed. Also keeps what the client may not clear (uid, creationTimestamp, clusterIP...).
 */
export function prepareUpdate(
  resource: ResourceInfo,
  object: JsonObject,
  old: JsonObject,
  subresource = '',
): JsonObject {
  if (subresource === 'status') return statusUpdate(resource, object, old);
  const result = cloneJson(object);
  keepServerMetadata(result, old);
  if (hasStatus(resource) && subresource === '') {
    if (old['status'] === undefined) Reflect.deleteProperty(result, 'status');
    else result['status'] = cloneJson(old['status']);
  }
  if (!resource.custom) keepAllocated(resource, result, old);
  return subresource === '' || subresource === 'scale' ? withGeneration(resource, result, old) : result;
}

/** `metadata.generation` counts changes of anything but metadata and status; a default that the client left out is no change. */
function withGeneration(resource: ResourceInfo, object: JsonObject, old: JsonObject): JsonObject {
  if (!resource.hasGeneration) return object;
  const before = dig(old, 'metadata', 'generation');
  const generation = typeof before === 'number' ? before : 0;
  const deleted =
    dig(old, 'metadata', 'deletionTimestamp') === undefined &&
    dig(object, 'metadata', 'deletionTimestamp') !== undefined;
  const next =
    deleted || !equalJson(countedPart(resource, defaultObject(resource, object)), countedPart(resource, old))
      ? generation + 1
      : generation;
  return { ...object, metadata: { ...asObject(object['metadata']), generation: next } };
}

function countedPart(resource: ResourceInfo, object: JsonObject): JsonObject {
  const rest = { ...object };
  for (const key of ['metadata', 'apiVersion', 'kind', ...(hasStatus(resource) ? ['status'] : [])])
    Reflect.deleteProperty(rest, key);
  return rest;
}

function statusUpdate(resource: ResourceInfo, object: JsonObject, old: JsonObject): JsonObject {
  const result = cloneJson(old);
  if (object['status'] === undefined) Reflect.deleteProperty(result, 'status');
  else result['status'] = cloneJson(object['status']);
  result['apiVersion'] = object['apiVersion'] ?? old['apiVersion'];
  const metadata = asObject(result['metadata']);
  const sent = asObject(object['metadata']);
  // Custom resources keep all metadata; built-in types let labels, annotations, finalizers and owners through with the status.
  if (!resource.custom) {
    for (const key of ['labels', 'annotations', 'finalizers', 'ownerReferences']) {
      if (sent[key] === undefined) Reflect.deleteProperty(metadata, key);
      else metadata[key] = cloneJson(sent[key]);
    }
  }
  if (sent['managedFields'] !== undefined) metadata['managedFields'] = sent['managedFields'];
  if (sent['resourceVersion'] !== undefined) metadata['resourceVersion'] = sent['resourceVersion'];
  result['metadata'] = metadata;
  return result;
}

function keepServerMetadata(result: JsonObject, old: JsonObject): void {
  const metadata = asObject(result['metadata']);
  const before = asObject(old['metadata']);
  for (const key of SERVER_METADATA) {
    // A wrong uid is the client's precondition and must be seen by validation.
    if (key === 'uid' && metadata['uid'] !== undefined && metadata['uid'] !== '') continue;
    if (before[key] === undefined) Reflect.deleteProperty(metadata, key);
    else metadata[key] = cloneJson(before[key]);
  }
  result['metadata'] = metadata;
}

/** Values that the server allocated stay when a client leaves them out. */
function keepAllocated(resource: ResourceInfo, result: JsonObject, old: JsonObject): void {
  const spec = result['spec'];
  const before = old['spec'];
  if (!isObject(spec) || !isObject(before)) return;
  if (resource.kind === 'Service') keepClusterIps(spec, before);
  if (resource.kind === 'Pod') {
    for (const key of ['nodeName', 'serviceAccountName', 'serviceAccount']) {
      if (spec[key] === undefined && before[key] !== undefined) spec[key] = before[key];
    }
  }
  if (resource.kind === 'Namespace') result['spec'] = cloneJson(before);
}

function keepClusterIps(spec: JsonObject, before: JsonObject): void {
  if (spec['type'] === 'ExternalName') return;
  for (const key of ['clusterIP', 'clusterIPs', 'ipFamilies', 'ipFamilyPolicy', 'healthCheckNodePort']) {
    const missing = spec[key] === undefined || spec[key] === null || spec[key] === '';
    if (missing && before[key] !== undefined) spec[key] = cloneJson(before[key]);
  }
  // A client that only knows the single field changes it alone; the list follows.
  if (spec['clusterIP'] !== before['clusterIP'] && equalJson(spec['clusterIPs'], before['clusterIPs']))
    spec['clusterIPs'] = [spec['clusterIP']];
  const nodePorts = new Map(asList(before['ports']).map((port) => [portKey(port), dig(port, 'nodePort')]));
  const needsNodePort = spec['type'] === 'NodePort' || spec['type'] === 'LoadBalancer';
  if (!needsNodePort) return;
  spec['ports'] = asList(spec['ports']).map((port) => {
    const kept = nodePorts.get(portKey(port));
    return isObject(port) && port['nodePort'] === undefined && kept !== undefined ? { ...port, nodePort: kept } : port;
  });
}

const portKey = (port: unknown): string => JSON.stringify([dig(port, 'port'), dig(port, 'protocol') ?? 'TCP']);
