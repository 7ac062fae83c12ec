import { asString, type JsonObject } from '../../json.js';
import { child, childObjects, childOrNew, fill } from './fill.js';

/** Defaults of a pod spec, whether of a Pod or of a template. Works in place. */
export function defaultPodSpec(spec: JsonObject): void {
  // Two names for one field: whichever is given fills the other.
  if (asString(spec['serviceAccountName']) === '' && asString(spec['serviceAccount']) !== '') {
    spec['serviceAccountName'] = spec['serviceAccount'];
  }
  if (asString(spec['serviceAccountName']) !== '') spec['serviceAccount'] = spec['serviceAccountName'];
  fill(spec, {
    restartPolicy: 'Always',
    terminationGracePeriodSeconds: 30,
    dnsPolicy: 'ClusterFirst',
    schedulerName: 'default-scheduler',
  });
  childOrNew(spec, 'securityContext');
  const hostNetwork = spec['hostNetwork'] === true;
  for (const list of ['initContainers', 'containers', 'ephemeralContainers']) {
    for (const container of childObjects(spec, list)) defaultContainer(container, hostNetwork);
  }
  for (const volume of childObjects(spec, 'volumes')) defaultVolume(volume);
  for (const constraint of childObjects(spec, 'topologySpreadConstraints')) {
    fill(constraint, { nodeAffinityPolicy: 'Honor', nodeTaintsPolicy: 'Ignore' });
    if (constraint['labelSelector'] === undefined) {
      Reflect.deleteProperty(constraint, 'nodeAffinityPolicy');
      Reflect.deleteProperty(constraint, 'nodeTaintsPolicy');
    }
  }
}

/** Only a Pod itself, not a template: what admission adds in every cluster. */
export function defaultPod(pod: JsonObject): void {
  const spec = child(pod, 'spec');
  if (spec === undefined) return;
  fill(spec, { enableServiceLinks: true });
  defaultPodSpec(spec);
  for (const container of [...childObjects(spec, 'initContainers'), ...childObjects(spec, 'containers')]) {
    requestsFromLimits(container);
  }
}

function requestsFromLimits(container: JsonObject): void {
  const resources = child(container, 'resources');
  const limits = child(resources, 'limits');
  if (resources === undefined || limits === undefined || Object.keys(limits).length === 0) return;
  const requests = childOrNew(resources, 'requests');
  for (const [name, amount] of Object.entries(limits)) requests[name] ??= amount;
}

function defaultContainer(container: JsonObject, hostNetwork: boolean): void {
  const image = asString(container['image']);
  fill(container, {
    terminationMessagePath: '/dev/termination-log',
    terminationMessagePolicy: 'File',
    imagePullPolicy: imagePullPolicy(image),
  });
  childOrNew(container, 'resources');
  for (const port of childObjects(container, 'ports')) {
    fill(port, { protocol: 'TCP' });
    if (hostNetwork && port['hostPort'] === undefined) port['hostPort'] = port['containerPort'];
  }
  for (const name of ['livenessProbe', 'readinessProbe', 'startupProbe']) {
    const probe = child(container, name);
    if (probe !== undefined) defaultProbe(probe);
  }
  const lifecycle = child(container, 'lifecycle');
  for (const hook of ['postStart', 'preStop']) defaultHttpGet(child(child(lifecycle, hook), 'httpGet'));
  for (const env of childObjects(container, 'env')) {
    const fieldRef = child(child(env, 'valueFrom'), 'fieldRef');
    if (fieldRef !== undefined) fill(fieldRef, { apiVersion: 'v1' });
    const resourceRef = child(child(env, 'valueFrom'), 'resourceFieldRef');
    if (resourceRef !== undefined) fill(resourceRef, { divisor: '0' });
  }
}

/** `latest`, or no tag at all, is always pulled. */
function imagePullPolicy(image: string): string {
  if (image.includes('@')) return 'IfNotPresent';
  const tag = /:([^:/]+)$/.exec(image)?.[1] ?? 'latest';
  return tag === 'latest' ? 'Always' : 'IfNotPresent';
}

/** A value of zero is as good as none here: the field is an integer without a pointer. */
function defaultProbe(probe: JsonObject): void {
  for (const [key, value] of Object.entries({
    timeoutSeconds: 1,
    periodSeconds: 10,
    successThreshold: 1,
    failureThreshold: 3,
  })) {
    if (probe[key] === undefined || probe[key] === 0) probe[key] = value;
  }
  defaultHttpGet(child(probe, 'httpGet'));
  const grpc = child(probe, 'grpc');
  if (grpc !== undefined && grpc['service'] === undefined) grpc['service'] = '';
}

function defaultHttpGet(action: JsonObject | undefined): void {
  if (action !== undefined) fill(action, { path: '/', scheme: 'HTTP' });
}

const VOLUME_SOURCES = [
  'emptyDir',
  'hostPath',
  'secret',
  'configMap',
  'projected',
  'downwardAPI',
  'persistentVolumeClaim',
  'nfs',
  'csi',
  'ephemeral',
  'iscsi',
  'rbd',
  'image',
  'azureDisk',
  'azureFile',
  'awsElasticBlockStore',
  'gcePersistentDisk',
  'cephfs',
  'cinder',
  'fc',
  'flexVolume',
  'flocker',
  'gitRepo',
  'glusterfs',
  'photonPersistentDisk',
  'portworxVolume',
  'quobyte',
  'scaleIO',
  'storageos',
  'vsphereVolume',
];

const DEFAULT_MODE = 0o644;

function defaultVolume(volume: JsonObject): void {
  if (VOLUME_SOURCES.every((source) => volume[source] === undefined)) volume['emptyDir'] = {};
  for (const source of ['secret', 'configMap', 'downwardAPI', 'projected']) {
    const config = child(volume, source);
    if (config !== undefined) fill(config, { defaultMode: DEFAULT_MODE });
  }
  const hostPath = child(volume, 'hostPath');
  if (hostPath !== undefined && hostPath['type'] === undefined) hostPath['type'] = '';
  for (const source of childObjects(child(volume, 'projected'), 'sources')) {
    const token = child(source, 'serviceAccountToken');
    if (token !== undefined) fill(token, { expirationSeconds: 3600 });
    defaultFieldRefs(child(source, 'downwardAPI'));
  }
  defaultFieldRefs(child(volume, 'downwardAPI'));
}

function defaultFieldRefs(downwardApi: JsonObject | undefined): void {
  for (const item of childObjects(downwardApi, 'items')) {
    const fieldRef = child(item, 'fieldRef');
    if (fieldRef !== undefined) fill(fieldRef, { apiVersion: 'v1' });
  }
}
