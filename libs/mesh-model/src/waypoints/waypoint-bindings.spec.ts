import type { GatewayAddress } from '@weft/xds/gen/mesh/workload/workload.js';
import { MeshModel } from '../mesh-model.js';
import { loadObjects } from '../testing/load-objects.js';

const USE = { 'istio.io/use-waypoint': 'wp' };
const AT = 'wp.shop.svc.cluster.local';

const namespace = (labels: object = {}) => ({ kind: 'Namespace', metadata: { name: 'shop', labels } });
const service = (labels: object = {}, annotations: object = {}) => ({
  kind: 'Service',
  metadata: { name: 'web', namespace: 'shop', labels, annotations },
  spec: { clusterIP: '10.0.0.1', selector: { app: 'web' }, ports: [{ name: 'http', port: 80 }] },
});
const pod = (labels: object = {}) => ({
  kind: 'Pod',
  metadata: { name: 'web-1', namespace: 'shop', labels: { app: 'web', ...labels } },
  spec: { nodeName: 'n1', containers: [{}] },
  status: { phase: 'Running', podIP: '10.1.0.1', conditions: [{ type: 'Ready', status: 'True' }] },
});
const gateway = (labels: object = {}, addresses: readonly object[] = []) => ({
  kind: 'Gateway',
  metadata: { name: 'wp', namespace: 'shop', labels },
  spec: { gatewayClassName: 'istio-waypoint', listeners: [{ name: 'mesh', port: 15_008, protocol: 'HBONE' }] },
  status: { addresses },
});
const READY = [{ type: 'Hostname', value: AT }];

function modelOf(...objects: object[]): MeshModel {
  const config = {
    rootNamespace: 'istio-system',
    trustDomain: 'cluster.local',
    clusterId: 'c',
    clusterDomain: 'cluster.local',
    network: '',
    dryRunPoliciesEnabled: false,
  };
  const model = new MeshModel(config, ({ thrown }) => {
    throw thrown as Error;
  });
  loadObjects(model, objects);
  return model;
}

const hostOf = (address: GatewayAddress | undefined): string | null =>
  address?.destination?.$case === 'hostname' ? address.destination.value.hostname : null;
const ofService = (model: MeshModel) => hostOf(model.services.get(`shop/web.shop.svc.cluster.local`)?.message.waypoint);
const ofPod = (model: MeshModel) => hostOf(model.workloads.get('c//Pod/shop/web-1')?.waypoint);

describe('a waypoint that was asked for', () => {
  it.each([
    ['is missing: traffic to the service goes nowhere else', [namespace(), service(USE)], AT],
    ['is missing, asked for by the namespace: the same', [namespace(USE), service()], AT],
    ['has no address: the same', [namespace(), service(USE), gateway()], AT],
    ['is there: traffic goes to it', [namespace(), service(USE), gateway({}, READY)], AT],
    [
      '`none` on the service: no waypoint, whatever the namespace says',
      [service({ 'istio.io/use-waypoint': 'none' }), namespace(USE)],
      null,
    ],
    [
      'takes other traffic: passed by',
      [namespace(), service(USE), gateway({ 'istio.io/waypoint-for': 'workload' }, READY)],
      null,
    ],
    [
      'takes other traffic, and has no address: passed by',
      [namespace(), service(USE), gateway({ 'istio.io/waypoint-for': 'none' })],
      null,
    ],
  ])('%s', (_, objects, expected) => {
    expect(ofService(modelOf(...objects))).toBe(expected);
  });

  it.each([
    ['is missing, asked for by the pod itself: traffic to the pod goes nowhere else', [namespace(), pod(USE)], AT],
    ['is missing, asked for by the namespace: taken for one for services', [namespace(USE), pod()], null],
    [
      'has no address and takes workload traffic',
      [namespace(USE), pod(), gateway({ 'istio.io/waypoint-for': 'all' })],
      AT,
    ],
    ['has no address and takes none', [namespace(USE), pod(), gateway()], null],
  ])('by a pod: %s', (_, objects, expected) => {
    expect(ofPod(modelOf(...objects))).toBe(expected);
  });

  it('may be of another class of the same controller', () => {
    const own = gateway({}, READY);
    const ofClass = { ...own, spec: { ...own.spec, gatewayClassName: 'managed' } };
    const gatewayClass = (controllerName: string) => ({
      kind: 'GatewayClass',
      metadata: { name: 'managed' },
      spec: { controllerName },
    });
    const bound = (controllerName: string) =>
      [...modelOf(namespace(), service(USE), ofClass, gatewayClass(controllerName)).waypointStatuses.values()].map(
        (status) => status.bound,
      );
    expect(bound('istio.io/mesh-controller')).toEqual([true]);
    expect(bound('istio.io/gateway-controller')).toEqual([false]);
  });

  it('the Service says that connections are refused', () => {
    const [status] = [...modelOf(namespace(), service(USE)).waypointStatuses.values()];
    expect(status).toMatchObject({
      bound: false,
      reason: 'WaypointIsNotReady',
      message:
        'waypoint shop/wp does not exist; connections are refused until it is ready, or the label istio.io/use-waypoint is taken away',
    });
  });
});

describe('a ServiceEntry or WorkloadEntry that claims a waypoint’s address', () => {
  const AGE = { creationTimestamp: '2026-02-01T00:00:00Z' };
  const waypointService = {
    kind: 'Service',
    metadata: { name: 'wp', namespace: 'shop', ...AGE },
    spec: { clusterIP: '10.0.0.9', selector: { is: 'wp' }, ports: [{ name: 'mesh', port: 15_008 }] },
  };
  const waypointPod = {
    ...pod(),
    metadata: { name: 'wp-1', namespace: 'shop', labels: { is: 'wp' }, ...AGE },
    status: { ...pod().status, podIP: '10.1.0.9' },
  };
  /** Older than the waypoint: age must not help it. */
  const thief = (spec: object, name = 'thief', namespaceName = 'other') => ({
    kind: 'ServiceEntry',
    metadata: { name, namespace: namespaceName, creationTimestamp: '2026-01-01T00:00:00Z' },
    spec: { resolution: 'STATIC', location: 'MESH_INTERNAL', ports: [{ number: 15_008, name: 'mesh' }], ...spec },
  });
  const model = modelOf(
    namespace(),
    service(USE),
    gateway({}, READY),
    waypointService,
    waypointPod,
    thief({ hosts: ['thief.example'], addresses: ['10.0.0.9'], endpoints: [{ address: '192.0.2.66' }] }),
    thief({ hosts: [AT], addresses: ['10.0.0.8'], endpoints: [{ address: '192.0.2.67' }] }, 'name', 'shop'),
    {
      kind: 'WorkloadEntry',
      metadata: { name: 'pretender', namespace: 'other', creationTimestamp: '2026-01-01T00:00:00Z' },
      spec: { address: '10.1.0.9', labels: { is: 'wp' }, serviceAccount: 'thief' },
    },
  );
  const addressesOf = (name: string): readonly string[] =>
    (model.services.get(name)?.message.addresses ?? []).map(({ address }) => [...address].join('.'));

  it('takes nothing: name, address and endpoints stay those of the waypoint', () => {
    expect(ofService(model)).toBe(AT);
    expect(addressesOf(`shop/${AT}`)).toEqual(['10.0.0.9']);
    expect(addressesOf('other/thief.example')).toEqual([]);
    const endpoints = [...model.workloads.values()].filter(({ services }) => `shop/${AT}` in services);
    expect(endpoints.map(({ name, serviceAccount }) => `${name} ${serviceAccount}`)).toEqual(['wp-1 default']);
  });

  it('is told who has it', () => {
    const conditionOf = (key: string) => model.statuses.get(key)?.condition;
    expect(conditionOf('ServiceEntry/other/thief')).toMatchObject({
      accepted: false,
      message: expect.stringContaining('10.0.0.9') as string,
    });
    expect(conditionOf('ServiceEntry/shop/name')).toMatchObject({
      accepted: false,
      message: expect.stringContaining(AT) as string,
    });
  });
});

describe('a Service whose pods may be asleep', () => {
  it('is said to be startable by an extension, which others ignore', () => {
    const extensions = (annotations: object) =>
      modelOf(namespace(), service({}, annotations)).services.get('shop/web.shop.svc.cluster.local')?.message
        .extensions;
    expect(extensions({ 'weft.io/scales-to-zero': 'true' })).toMatchObject([{ name: 'weft.io/activation' }]);
    expect(extensions({})).toEqual([]);
  });
});

describe('a proxy of the pool', () => {
  const POOL = 'c//Pod/istio-system/pool-1';
  const proxy = (annotations: object, labels: object = {}, serviceAccountName = 'weft-waypoint-pool') => ({
    ...pod(),
    metadata: { name: 'pool-1', namespace: 'istio-system', labels, annotations },
    spec: { ...pod().spec, serviceAccountName },
  });
  const CLAIM = { 'weft.io/claimed-by': 'shop/wp', 'weft.io/claimed-account': 'wp' };
  const LABEL = { 'gateway.networking.k8s.io/gateway-name': 'wp' };
  const waypointService = {
    kind: 'Service',
    metadata: { name: 'wp', namespace: 'shop' },
    spec: { clusterIP: '10.0.0.9', selector: LABEL, ports: [{ name: 'mesh', port: 15_008 }] },
  };

  it('that a Gateway has claimed has its identity, and is an endpoint of its Service once it has the label', () => {
    const workload = (labels: object) =>
      modelOf(namespace(), waypointService, proxy(CLAIM, labels)).workloads.get(POOL);
    expect(workload({})).toMatchObject({ namespace: 'shop', serviceAccount: 'wp', services: {} });
    expect(Object.keys(workload(LABEL)?.services ?? {})).toEqual(['shop/wp.shop.svc.cluster.local']);
  });

  it.each([
    ['is claimed by nobody', proxy({}, LABEL)],
    ['runs as another account', proxy(CLAIM, LABEL, 'ztunnel')],
  ])('is what it is when it %s', (_, object) => {
    const workload = modelOf(namespace(), waypointService, object).workloads.get(POOL);
    expect(workload).toMatchObject({ namespace: 'istio-system', services: {} });
  });
});
