import { asString, dig, isObject, type JsonObject } from '../json.js';
import {
  AGE,
  CREATED_AT,
  count,
  joined,
  NAME,
  NONE,
  objectsAt,
  size,
  stringsAt,
  text,
  UNKNOWN,
  UNSET,
  wide,
  type Column,
} from './column.js';
import { ageOf } from './human-duration.js';

export const GENERIC_COLUMNS: readonly Column[] = [NAME, AGE];
export const CREATED_COLUMNS: readonly Column[] = [NAME, CREATED_AT];

function nodeStatus(node: JsonObject): string {
  const ready = objectsAt(node, 'status', 'conditions').find((item) => item['type'] === 'Ready');
  const status = ready === undefined ? 'Unknown' : ready['status'] === 'True' ? 'Ready' : 'NotReady';
  return dig(node, 'spec', 'unschedulable') === true ? `${status},SchedulingDisabled` : status;
}

const ROLE_PREFIX = 'node-role.kubernetes.io/';

function nodeRoles(node: JsonObject): string {
  const labels = dig(node, 'metadata', 'labels');
  const roles = new Set<string>();
  for (const [key, value] of Object.entries(isObject(labels) ? labels : {})) {
    if (key.startsWith(ROLE_PREFIX) && key.length > ROLE_PREFIX.length) roles.add(key.slice(ROLE_PREFIX.length));
    else if (key === 'kubernetes.io/role' && asString(value) !== '') roles.add(asString(value));
  }
  return joined([...roles].sort());
}

const nodeAddress = (type: string) => (node: JsonObject) =>
  asString(objectsAt(node, 'status', 'addresses').find((item) => item['type'] === type)?.['address']) || NONE;

export const NODE_COLUMNS: readonly Column[] = [
  NAME,
  { name: 'Status', cell: nodeStatus },
  { name: 'Roles', cell: nodeRoles },
  AGE,
  text('Version', ['status', 'nodeInfo', 'kubeletVersion'], ''),
  wide({ name: 'Internal-IP', cell: nodeAddress('InternalIP') }),
  wide({ name: 'External-IP', cell: nodeAddress('ExternalIP') }),
  wide(text('OS-Image', ['status', 'nodeInfo', 'osImage'], UNKNOWN)),
  wide(text('Kernel-Version', ['status', 'nodeInfo', 'kernelVersion'], UNKNOWN)),
  wide(text('Container-Runtime', ['status', 'nodeInfo', 'containerRuntimeVersion'], UNKNOWN)),
];

export const NAMESPACE_COLUMNS: readonly Column[] = [NAME, text('Status', ['status', 'phase'], ''), AGE];
export const CONFIG_MAP_COLUMNS: readonly Column[] = [NAME, size('Data', ['data'], ['binaryData']), AGE];
export const SECRET_COLUMNS: readonly Column[] = [NAME, text('Type', ['type'], ''), size('Data', ['data']), AGE];
export const SERVICE_ACCOUNT_COLUMNS: readonly Column[] = [NAME, size('Secrets', ['secrets']), AGE];
export const LEASE_COLUMNS: readonly Column[] = [NAME, text('Holder', ['spec', 'holderIdentity'], ''), AGE];
export const WEBHOOK_COLUMNS: readonly Column[] = [NAME, size('Webhooks', ['webhooks']), AGE];

/** Both forms of Event: core/v1 and events.k8s.io/v1 name the same things differently. */
function eventObject(event: JsonObject): JsonObject {
  const object = event['involvedObject'] ?? event['regarding'];
  return isObject(object) ? object : {};
}

function firstSeen(event: JsonObject): unknown {
  return event['firstTimestamp'] ?? event['deprecatedFirstTimestamp'] ?? event['eventTime'];
}

function lastSeen(event: JsonObject): unknown {
  const series = dig(event, 'series', 'lastObservedTime');
  return series ?? event['lastTimestamp'] ?? event['deprecatedLastTimestamp'] ?? firstSeen(event);
}

function eventSource(event: JsonObject): string {
  const source = event['source'] ?? event['deprecatedSource'];
  const component =
    asString(dig(source, 'component')) ||
    asString(event['reportingComponent']) ||
    asString(event['reportingController']);
  const host = asString(dig(source, 'host')) || asString(event['reportingInstance']);
  return host === '' ? component : `${component}, ${host}`;
}

function eventCount(event: JsonObject): number {
  const total = dig(event, 'series', 'count') ?? event['count'] ?? event['deprecatedCount'];
  return typeof total === 'number' ? total : 1;
}

export const EVENT_COLUMNS: readonly Column[] = [
  { name: 'Last Seen', cell: (event, now) => ageOf(lastSeen(event), now) },
  text('Type', ['type'], ''),
  text('Reason', ['reason'], ''),
  {
    name: 'Object',
    cell: (event) => {
      const object = eventObject(event);
      const kind = asString(object['kind']).toLowerCase();
      return asString(object['name']) === '' ? kind : `${kind}/${asString(object['name'])}`;
    },
  },
  wide({ name: 'Subobject', cell: (event) => asString(eventObject(event)['fieldPath']) }),
  wide({ name: 'Source', cell: eventSource }),
  { name: 'Message', cell: (event) => (asString(event['message']) || asString(event['note'])).trim() },
  wide({ name: 'First Seen', cell: (event, now) => ageOf(firstSeen(event), now) }),
  wide({ name: 'Count', cell: (event) => String(eventCount(event)) }),
  wide(NAME),
];

const ACCESS_MODES: Readonly<Record<string, string>> = {
  ReadWriteOnce: 'RWO',
  ReadOnlyMany: 'ROX',
  ReadWriteMany: 'RWX',
  ReadWriteOncePod: 'RWOP',
};

const accessModes = (...path: readonly string[]): Column => ({
  name: 'Access Modes',
  cell: (object) =>
    stringsAt(object, ...path)
      .map((mode) => ACCESS_MODES[mode] ?? mode)
      .join(','),
});

const volumeStatus = (object: JsonObject): string =>
  dig(object, 'metadata', 'deletionTimestamp') === undefined ? asString(dig(object, 'status', 'phase')) : 'Terminating';

export const PERSISTENT_VOLUME_COLUMNS: readonly Column[] = [
  NAME,
  text('Capacity', ['spec', 'capacity', 'storage'], ''),
  accessModes('spec', 'accessModes'),
  text('Reclaim Policy', ['spec', 'persistentVolumeReclaimPolicy'], ''),
  { name: 'Status', cell: volumeStatus },
  {
    name: 'Claim',
    cell: (object) => {
      const claim = dig(object, 'spec', 'claimRef');
      return isObject(claim) ? `${asString(claim['namespace'])}/${asString(claim['name'])}` : '';
    },
  },
  text('StorageClass', ['spec', 'storageClassName'], ''),
  text('VolumeAttributesClass', ['spec', 'volumeAttributesClassName'], UNSET),
  text('Reason', ['status', 'reason'], ''),
  AGE,
  wide(text('VolumeMode', ['spec', 'volumeMode'], UNSET)),
];

export const PERSISTENT_VOLUME_CLAIM_COLUMNS: readonly Column[] = [
  NAME,
  { name: 'Status', cell: volumeStatus },
  text('Volume', ['spec', 'volumeName'], ''),
  text('Capacity', ['status', 'capacity', 'storage'], ''),
  accessModes('status', 'accessModes'),
  text('StorageClass', ['spec', 'storageClassName'], ''),
  text('VolumeAttributesClass', ['spec', 'volumeAttributesClassName'], UNSET),
  AGE,
  wide(text('VolumeMode', ['spec', 'volumeMode'], UNSET)),
];

export const STORAGE_CLASS_COLUMNS: readonly Column[] = [
  {
    ...NAME,
    cell: (object) => {
      const isDefault =
        dig(object, 'metadata', 'annotations', 'storageclass.kubernetes.io/is-default-class') === 'true';
      return `${asString(dig(object, 'metadata', 'name'))}${isDefault ? ' (default)' : ''}`;
    },
  },
  text('Provisioner', ['provisioner'], ''),
  text('ReclaimPolicy', ['reclaimPolicy'], ''),
  text('VolumeBindingMode', ['volumeBindingMode'], UNSET),
  { name: 'AllowVolumeExpansion', cell: (object) => (object['allowVolumeExpansion'] === true ? 'true' : 'false') },
  AGE,
];

const subjectsOf = (kind: string) => (binding: JsonObject) =>
  objectsAt(binding, 'subjects')
    .filter((subject) => subject['kind'] === kind)
    .map((subject) =>
      kind === 'ServiceAccount'
        ? `${asString(subject['namespace'])}/${asString(subject['name'])}`
        : asString(subject['name']),
    )
    .join(', ');

export const ROLE_BINDING_COLUMNS: readonly Column[] = [
  NAME,
  {
    name: 'Role',
    cell: (binding) => `${asString(dig(binding, 'roleRef', 'kind'))}/${asString(dig(binding, 'roleRef', 'name'))}`,
  },
  AGE,
  wide({ name: 'Users', cell: subjectsOf('User') }),
  wide({ name: 'Groups', cell: subjectsOf('Group') }),
  wide({ name: 'ServiceAccounts', cell: subjectsOf('ServiceAccount') }),
];

export const PRIORITY_CLASS_COLUMNS: readonly Column[] = [
  NAME,
  count('Value', ['value']),
  { name: 'Global-Default', type: 'boolean', cell: (object) => object['globalDefault'] === true },
  AGE,
  text('PreemptionPolicy', ['preemptionPolicy'], ''),
];

export const CONTROLLER_REVISION_COLUMNS: readonly Column[] = [
  NAME,
  {
    name: 'Controller',
    cell: (object) => {
      const owner = objectsAt(object, 'metadata', 'ownerReferences').find((item) => item['controller'] === true);
      return owner === undefined ? NONE : `${asString(owner['kind']).toLowerCase()}/${asString(owner['name'])}`;
    },
  },
  count('Revision', ['revision']),
  AGE,
];

export const INGRESS_CLASS_COLUMNS: readonly Column[] = [
  NAME,
  text('Controller', ['spec', 'controller'], ''),
  {
    name: 'Parameters',
    cell: (object) => {
      const parameters = dig(object, 'spec', 'parameters');
      if (!isObject(parameters)) return NONE;
      const group = asString(parameters['apiGroup']);
      return `${asString(parameters['kind'])}${group === '' ? '' : `.${group}`}/${asString(parameters['name'])}`;
    },
  },
  AGE,
];

function csrCondition(csr: JsonObject): string {
  const types = objectsAt(csr, 'status', 'conditions').map((item) => asString(item['type']));
  const verdict = types.includes('Denied') ? 'Denied' : types.includes('Approved') ? 'Approved' : 'Pending';
  const extra = [
    ...(types.includes('Failed') ? ['Failed'] : []),
    ...(asString(dig(csr, 'status', 'certificate')) === '' ? [] : ['Issued']),
  ];
  return [verdict, ...extra].join(',');
}

export const SIGNING_REQUEST_COLUMNS: readonly Column[] = [
  NAME,
  AGE,
  text('SignerName', ['spec', 'signerName']),
  text('Requestor', ['spec', 'username'], ''),
  {
    name: 'RequestedDuration',
    cell: (object) => {
      const seconds = dig(object, 'spec', 'expirationSeconds');
      return typeof seconds === 'number' ? ageOf(new Date(0).toISOString(), new Date(seconds * 1000)) : NONE;
    },
  },
  { name: 'Condition', cell: csrCondition },
];
