import { ServerCredentials } from '@grpc/grpc-js';
import { type KubeClient, SERVICES, type Condition, type KubeObject } from '@weft/kube';
import {
  GATEWAY_CLASSES,
  GATEWAYS,
  GRPC_ROUTES,
  HTTP_ROUTES,
  REFERENCE_GRANTS,
  VIRTUAL_SERVICES,
} from '@weft/mesh-api';
import { createLogger, startAll, systemClock } from '@weft/runtime';
import { until } from '@weft/testing-fixtures';
import { MeshApiServer } from '@weft/testing-mesh-deployment';
import { createControlPlane } from '../app.js';
import { parseControlPlaneConfig } from '../config.js';

const log = createLogger('test', 'silent');
const disposers: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const dispose of disposers.splice(0).reverse()) await dispose();
});

interface Parent {
  readonly controllerName: string;
  readonly parentRef: { readonly name: string };
  readonly conditions: readonly Condition[];
}
type Route = KubeObject & { spec?: object; status?: { parents?: readonly Parent[] } };

async function makeMesh(): Promise<KubeClient> {
  const server = await MeshApiServer.start(['istio-system', 'shop', 'back']);
  disposers.push(() => server.stop());
  const { kube } = server;
  for (const [namespace, name] of [
    ['shop', 'web'],
    ['back', 'api'],
  ] as const)
    await kube.create(SERVICES, { metadata: { name, namespace }, spec: { ports: [{ port: 80 }] } });
  const config = parseControlPlaneConfig(
    { XDS_HOST: '127.0.0.1', XDS_PORT: '0', ADMIN_HOST: '127.0.0.1', ADMIN_PORT: '0' },
    'replica-1',
  );
  if (!config.ok) throw new Error(JSON.stringify(config.error));
  const credentials = ServerCredentials.createInsecure();
  const app = createControlPlane(config.value, { kube, clock: systemClock, log, credentials });
  disposers.push(await startAll(app.services, 2000));
  return kube;
}

const SERVICE_PARENT = { group: '', kind: 'Service', name: 'web' };
const route = (kube: KubeClient, name: string, spec: object, status?: object): Promise<Route> =>
  kube.create<Route>(HTTP_ROUTES, { metadata: { name, namespace: 'shop' }, spec, ...(status && { status }) });
const parentsOf = async (kube: KubeClient, name: string): Promise<readonly Parent[]> =>
  (await kube.get<Route>(HTTP_ROUTES, 'shop', name))?.status?.parents ?? [];
/** `Accepted/ResolvedRefs` reasons of the parent. */
const reasons = async (kube: KubeClient, name: string): Promise<string> =>
  (await parentsOf(kube, name)).map(({ conditions }) => conditions.map(({ reason }) => reason).join('/')).join(' ');
const backend = (name: string, more: object = {}) => ({
  parentRefs: [SERVICE_PARENT],
  rules: [{ backendRefs: [{ name, port: 80, ...more }] }],
});

describe('status of routes on a Kubernetes API server', () => {
  it('tells each parent whether it takes the route, and whether what it refers to is there and allowed', async () => {
    const kube = await makeMesh();
    const cases: readonly [string, object, string][] = [
      ['good', backend('web'), 'Accepted/ResolvedRefs'],
      ['no-backend', backend('nothing'), 'Accepted/BackendNotFound'],
      ['no-port', backend('web', { port: 81 }), 'Accepted/BackendNotFound'],
      ['no-kind', backend('web', { group: 'example.com', kind: 'Thing' }), 'Accepted/InvalidKind'],
      ['no-grant', backend('api', { namespace: 'back' }), 'Accepted/RefNotPermitted'],
      [
        'no-parent',
        { ...backend('web'), parentRefs: [{ ...SERVICE_PARENT, name: 'none' }] },
        'NoMatchingParent/ResolvedRefs',
      ],
      [
        'no-parent-port',
        { ...backend('web'), parentRefs: [{ ...SERVICE_PARENT, port: 81 }] },
        'NoMatchingParent/ResolvedRefs',
      ],
      [
        'a-regex',
        { ...backend('web'), rules: [{ matches: [{ path: { type: 'RegularExpression', value: '(' } }] }, {}] },
        'Accepted/ResolvedRefs/UnsupportedValue',
      ],
    ];
    for (const [name, spec] of cases) await route(kube, name, spec);
    for (const [name, , expected] of cases)
      await until(async () => (await reasons(kube, name)) === expected, `${name} is ${expected}`);
    const [parent] = await parentsOf(kube, 'no-grant');
    expect(parent).toMatchObject({
      controllerName: 'istio.io/gateway-controller',
      parentRef: SERVICE_PARENT,
      conditions: [
        { type: 'Accepted', status: 'True', observedGeneration: 1 },
        {
          type: 'ResolvedRefs',
          status: 'False',
          message:
            'spec.rules[0].backendRefs[0]: Service back/api may not be referred to from namespace shop; add a ReferenceGrant there',
        },
      ],
    });

    await kube.create<KubeObject & { spec: object }>(REFERENCE_GRANTS, {
      metadata: { name: 'from-shop', namespace: 'back' },
      spec: {
        from: [{ group: 'gateway.networking.k8s.io', kind: 'HTTPRoute', namespace: 'shop' }],
        to: [{ group: '', kind: 'Service' }],
      },
    });
    await until(async () => (await reasons(kube, 'no-grant')) === 'Accepted/ResolvedRefs', 'the grant is heeded');
    await kube.patch<Route>(HTTP_ROUTES, 'shop', 'good', { spec: backend('nothing') }, { kind: 'merge' });
    await until(async () => (await reasons(kube, 'good')) === 'Accepted/BackendNotFound', 'the change is told');
    expect((await parentsOf(kube, 'good'))[0]!.conditions.map(({ observedGeneration }) => observedGeneration)).toEqual([
      2, 2,
    ]);
  });

  it('of two kinds on one port of a Service tells the less specific one that it is not in force', async () => {
    const kube = await makeMesh();
    await route(kube, 'web', backend('web'));
    await until(async () => (await reasons(kube, 'web')) === 'Accepted/ResolvedRefs', 'it is alone');
    const grpc = { metadata: { name: 'web', namespace: 'shop' }, spec: backend('web') };
    await kube.create<Route>(GRPC_ROUTES, grpc);
    await until(async () => (await reasons(kube, 'web')) === 'Conflicted/ResolvedRefs', 'the GRPCRoute goes before it');
    const [parent] = await parentsOf(kube, 'web');
    expect(parent!.conditions[0]).toMatchObject({
      type: 'Accepted',
      status: 'False',
      message: 'Service shop/web has a GRPCRoute, which goes before any HTTPRoute; keep one kind for a port',
    });
    await kube.delete(GRPC_ROUTES, 'shop', 'web');
    await until(async () => (await reasons(kube, 'web')) === 'Accepted/ResolvedRefs', 'it is alone again');
  });

  it('HTTPRouteObservedGenerationBump: knows the Gateways of its classes, and leaves the entries of other controllers alone', async () => {
    const kube = await makeMesh();
    const create = (type: typeof GATEWAYS | typeof GATEWAY_CLASSES, object: KubeObject & { spec: object }) =>
      kube.create<KubeObject & { spec: object }>(type, object);
    for (const [name, controllerName] of [
      ['istio', 'istio.io/gateway-controller'],
      ['istio-waypoint', 'istio.io/mesh-controller'],
      ['other', 'example.com/controller'],
    ] as const)
      await create(GATEWAY_CLASSES, { metadata: { name }, spec: { controllerName } });
    const listener = { name: 'http', port: 80, protocol: 'HTTP', hostname: '*.example.com' };
    for (const gatewayClassName of ['istio', 'istio-waypoint', 'other'])
      await create(GATEWAYS, {
        metadata: { name: `of-${gatewayClassName}`, namespace: 'shop' },
        spec: { gatewayClassName, listeners: [listener] },
      });
    await route(kube, 'r', {
      ...backend('web'),
      hostnames: ['a.example.com'],
      parentRefs: [
        { name: 'of-istio' },
        { name: 'of-istio', sectionName: 'nothing' },
        { name: 'of-istio-waypoint' },
        { name: 'of-other' },
      ],
    });
    await until(
      async () =>
        (await reasons(kube, 'r')) ===
        'Accepted/ResolvedRefs NoMatchingParent/ResolvedRefs NotAllowedByListeners/ResolvedRefs',
      'three of the four parents are ours',
    );
    const foreign = { controllerName: 'example.com/controller', parentRef: { name: 'of-other' }, conditions: [] };
    const ours = await parentsOf(kube, 'r');
    await kube.patch(
      HTTP_ROUTES,
      'shop',
      'r',
      { status: { parents: [foreign, ...ours] } },
      { kind: 'merge', subresource: 'status' },
    );
    await kube.patch<Route>(HTTP_ROUTES, 'shop', 'r', { spec: { hostnames: ['a.other.com'] } }, { kind: 'merge' });
    await until(
      async () => (await reasons(kube, 'r')).includes('NoMatchingListenerHostname'),
      'the new host is judged',
    );
    const told = (await parentsOf(kube, 'r')).flatMap(({ conditions }) => conditions);
    expect([...new Set(told.map(({ observedGeneration }) => observedGeneration))]).toEqual([2]);
    expect((await parentsOf(kube, 'r')).map(({ controllerName }) => controllerName)).toEqual([
      'example.com/controller',
      'istio.io/gateway-controller',
      'istio.io/gateway-controller',
      'istio.io/mesh-controller',
    ]);
  });

  it('tells a VirtualService what of it cannot be read, and takes that back', async () => {
    const kube = await makeMesh();
    const spec = (timeout: string) => ({
      hosts: ['web'],
      http: [{ route: [{ destination: { host: 'web', subset: timeout } }] }],
    });
    await kube.create<Route>(VIRTUAL_SERVICES, { metadata: { name: 'web', namespace: 'shop' }, spec: spec('V1') });
    type Status = { conditions?: readonly Condition[] };
    const conditions = async () =>
      (await kube.get<KubeObject & { status?: Status }>(VIRTUAL_SERVICES, 'shop', 'web'))?.status?.conditions ?? [];
    await until(async () => (await conditions())[0]?.status === 'False', 'it is told');
    expect((await conditions())[0]).toMatchObject({
      type: 'Accepted',
      reason: 'InvalidValue',
      message:
        'spec.http[0].route[0].destination.subset: "V1" is not a DNS label; use lower-case letters, digits and dashes',
    });
    await kube.patch<Route>(VIRTUAL_SERVICES, 'shop', 'web', { spec: spec('v1') }, { kind: 'merge' });
    await until(async () => (await conditions()).length === 0, 'it is taken back');
  });

  it('tells a Service what became of its waypoint', async () => {
    const kube = await makeMesh();
    type Bound = KubeObject & { status?: { conditions?: readonly Condition[] } };
    const REFUSED = '; connections are refused until it is ready, or the label istio.io/use-waypoint is taken away';
    const bound = async () => {
      const service = (await kube.get(SERVICES, 'shop', 'web')) as Bound | null;
      const found = service?.status?.conditions?.find(({ type }) => type === 'istio.io/WaypointBound');
      return found === undefined ? 'nothing' : `${found.reason ?? ''}: ${found.message ?? ''}`;
    };
    const label = (value: string | null) =>
      kube.patch(
        SERVICES,
        'shop',
        'web',
        { metadata: { labels: { 'istio.io/use-waypoint': value } } },
        { kind: 'merge' },
      );
    await label('waypoint');
    await until(
      async () => (await bound()) === `WaypointIsNotReady: waypoint shop/waypoint does not exist${REFUSED}`,
      'it is missing',
    );
    await kube.create<KubeObject & { spec: object }>(GATEWAYS, {
      metadata: { name: 'waypoint', namespace: 'shop' },
      spec: { gatewayClassName: 'istio-waypoint', listeners: [{ name: 'mesh', port: 15_008, protocol: 'HBONE' }] },
    });
    await until(
      async () => (await bound()) === `WaypointIsNotReady: waypoint shop/waypoint has no address yet${REFUSED}`,
      'no address',
    );
    const addresses = [{ type: 'Hostname', value: 'waypoint.shop.svc.cluster.local' }];
    await kube.patch(GATEWAYS, 'shop', 'waypoint', { status: { addresses } }, { kind: 'merge', subresource: 'status' });
    await until(
      async () => (await bound()) === 'WaypointAccepted: traffic goes through waypoint shop/waypoint',
      'it is bound',
    );
    await label(null);
    await until(async () => (await bound()) === 'nothing', 'it is taken back');
  });
});
