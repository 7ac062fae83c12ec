import { ServerCredentials } from '@grpc/grpc-js';
import { type KubeObject, NAMESPACES, NODES, PODS, SERVICES, type ResourceType } from '@weft/kube';
import { InMemoryKube } from '@weft/kube/testing';
import { createLogger, startAll, systemClock } from '@weft/runtime';
import { until } from '@weft/testing-fixtures';
import { Address } from '@weft/xds/gen/mesh/workload/workload.js';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { TestAuthority } from './testing/test-authority.js';
import { TestProxy } from './testing/test-proxy.js';
import { createControlPlane, type ControlPlaneApp } from './app.js';
import { parseControlPlaneConfig } from './config.js';
import { AUTHORIZATION_POLICIES, PEER_AUTHENTICATIONS, type MeshObject } from './kube/kube-resources.js';

const ZTUNNEL = 'system:serviceaccount:istio-system:ztunnel';
const disposers: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const dispose of disposers.splice(0).reverse()) await dispose();
});
const log = createLogger('test', 'silent');
const pod = (name: string, ip: string, labels: Record<string, string> = { app: 'web' }): KubeObject =>
  ({
    metadata: { name, namespace: 'shop', labels, annotations: { 'ambient.istio.io/redirection': 'enabled' } },
    spec: {
      nodeName: 'node-1',
      serviceAccountName: 'web',
      containers: [{ ports: [{ name: 'http', containerPort: 8080 }] }],
    },
    status: { phase: 'Running', podIP: ip, podIPs: [{ ip }], conditions: [{ type: 'Ready', status: 'True' }] },
  }) as KubeObject;
const service = (): KubeObject =>
  ({
    metadata: { name: 'web', namespace: 'shop' },
    spec: { selector: { app: 'web' }, clusterIP: '10.96.0.5', ports: [{ name: 'http', port: 80, targetPort: 'http' }] },
  }) as KubeObject;

/** An API with a web shop in it, whose token reviews know three callers. */
async function makeKube() {
  const api = new InMemoryKube();
  const users: Record<string, string> = { 'good-token': ZTUNNEL, 'app-token': 'system:serviceaccount:shop:web' };
  api.react = ({ path, body }) => {
    if (!path.endsWith('/tokenreviews')) return undefined;
    const { token } = (body as { spec: { token: string } }).spec;
    const username = users[token];
    return {
      status: username
        ? { authenticated: true, user: { username }, audiences: ['istio-ca'] }
        : { authenticated: false },
    };
  };
  const kube = api.client();
  const create = (type: ResourceType<KubeObject>, object: KubeObject) => kube.create(type, object);
  await create(NAMESPACES, { metadata: { name: 'istio-system' } });
  await create(NODES, { metadata: { name: 'node-1', labels: { 'topology.kubernetes.io/zone': 'z1' } } });
  await create(SERVICES, service());
  await create(PODS, pod('web-1', '10.244.1.2'));
  await create(PODS, pod('web-2', '10.244.1.3'));
  disposers.push(() => api.close());
  return { api, kube, create };
}

async function start(
  kube: ReturnType<InMemoryKube['client']>,
  env: Record<string, string> = {},
  tls = false,
): Promise<ControlPlaneApp> {
  const config = parseControlPlaneConfig(
    { XDS_HOST: '127.0.0.1', XDS_PORT: '0', ADMIN_HOST: '127.0.0.1', ADMIN_PORT: '0', ...env },
    'replica-1',
  );
  if (!config.ok) throw new Error(JSON.stringify(config.error));
  const app = createControlPlane(config.value, {
    kube,
    clock: systemClock,
    log,
    ...(!tls && { credentials: ServerCredentials.createInsecure() }),
  });
  const stop = await startAll(app.services, 2000);
  let stopped = false;
  disposers.push(async () => {
    if (!stopped) await stop();
    stopped = true;
  });
  return app;
}

async function connect(address: string, credentials: { token?: string; root?: string } = {}): Promise<TestProxy> {
  const proxy = new TestProxy({ address, token: 'good-token', ...credentials });
  await proxy.start();
  disposers.push(() => proxy.stop());
  return proxy;
}

const addressOf = ({ xds }: ControlPlaneApp): string => `http://127.0.0.1:${xds.port}`;
const get = async ({ admin }: ControlPlaneApp, path: string): Promise<string> =>
  (await fetch(`http://127.0.0.1:${admin.port}${path}`)).text();

describe('the control plane', () => {
  it('gives a proxy the mesh, and after a change of one pod exactly that workload', async () => {
    const { kube } = await makeKube();
    const app = await start(kube);
    const proxy = await connect(addressOf(app));
    await until(() => proxy.addresses.size === 3 && proxy.policies.size === 1, 'the mesh is there');
    expect([...proxy.addresses.keys()].sort()).toEqual([
      'Kubernetes//Pod/shop/web-1',
      'Kubernetes//Pod/shop/web-2',
      'shop/web.shop.svc.cluster.local',
    ]);
    expect(Address.toJSON(proxy.addresses.get('Kubernetes//Pod/shop/web-1')!)).toMatchObject({
      workload: {
        tunnelProtocol: 'HBONE',
        locality: { zone: 'z1' },
        services: {
          'shop/web.shop.svc.cluster.local': { ports: [{ servicePort: 80, targetPort: 8080, appProtocol: 'HTTP11' }] },
        },
      },
    });
    proxy.updates.length = 0;
    const changed = await kube.get(PODS, 'shop', 'web-2');
    await kube.replaceStatus(PODS, {
      ...changed!,
      status: { ...changed!.status, conditions: [{ type: 'Ready', status: 'False' }] },
    });
    await until(() => proxy.updates.length > 0, 'the change is there');
    expect(proxy.updates.map(({ upserts, removals }) => [upserts.map(({ name }) => name), removals])).toEqual([
      [['Kubernetes//Pod/shop/web-2'], []],
    ]);
    proxy.updates.length = 0;
    await kube.delete(PODS, 'shop', 'web-2');
    await until(() => proxy.updates.length > 0, 'the removal is there');
    expect(proxy.updates.map(({ upserts, removals }) => [upserts.length, removals])).toEqual([
      [0, ['Kubernetes//Pod/shop/web-2']],
    ]);
  });

  it('brings a policy to the proxies well under a second, and writes into its status whether it is enforced', async () => {
    const { kube, create } = await makeKube();
    const app = await start(kube);
    const proxy = await connect(addressOf(app));
    await until(() => proxy.addresses.size === 3 && proxy.policies.size === 1, 'synced');
    const startedMs = performance.now();
    await create(AUTHORIZATION_POLICIES, {
      metadata: { name: 'deny', namespace: 'shop' },
      spec: { action: 'DENY', rules: [{ from: [{ source: { ipBlocks: ['10.0.0.0/33'] } }] }] },
    } as KubeObject);
    await until(() => proxy.policies.has('shop/deny'), 'the policy is there');
    expect(performance.now() - startedMs).toBeLessThan(1000);
    const read = async () =>
      (await kube.get<MeshObject>(AUTHORIZATION_POLICIES, 'shop', 'deny'))?.status?.conditions?.[0];
    await until(async () => (await read()) !== undefined, 'the status is written');
    expect(await read()).toMatchObject({
      type: 'ZtunnelAccepted',
      status: 'False',
      reason: 'InvalidValue',
      observedGeneration: 1,
    });
    expect((await read())?.message).toContain('spec.rules[0].from[0].source.ipBlocks[0]');
    expect(await get(app, '/metrics')).toContain('pilot_total_rejected_configs{kind="AuthorizationPolicy"} 1');
    const object = await kube.get<MeshObject>(AUTHORIZATION_POLICIES, 'shop', 'deny');
    await kube.replace(AUTHORIZATION_POLICIES, {
      ...object!,
      spec: { action: 'DENY', rules: [{ from: [{ source: { ipBlocks: ['10.0.0.0/8'] } }] }] },
    });
    await until(async () => (await read())?.status === 'True', 'the status is corrected');
    expect(await read()).toMatchObject({ reason: 'Accepted', observedGeneration: 2 });
  });

  it('writes status from one replica only, and the other takes over when that one goes', async () => {
    const { api, kube, create } = await makeKube();
    const first = await start(kube, { POD_NAME: 'replica-a' });
    await until(async () => (await get(first, '/metrics')).includes('weft_status_leader 1'), 'the first leads');
    const second = await start(kube, { POD_NAME: 'replica-b' });
    await create(AUTHORIZATION_POLICIES, { metadata: { name: 'p', namespace: 'shop' }, spec: {} } as KubeObject);
    const isWritten = async (name: string) =>
      (await kube.get<MeshObject>(AUTHORIZATION_POLICIES, 'shop', name))?.status?.conditions !== undefined;
    await until(() => isWritten('p'), 'the status is written');
    expect(api.requests.filter(({ method, path }) => method === 'PATCH' && path.endsWith('/p/status'))).toHaveLength(1);
    expect(await get(second, '/metrics')).toContain('weft_status_leader 0');
    await disposers.splice(disposers.length - 2, 1)[0]!();
    await create(AUTHORIZATION_POLICIES, { metadata: { name: 'q', namespace: 'shop' }, spec: {} } as KubeObject);
    await until(() => isWritten('q'), 'the other writes');
  });

  it('binds a STRICT PeerAuthentication to the workloads it rules', async () => {
    const { create, kube } = await makeKube();
    const app = await start(kube);
    const proxy = await connect(addressOf(app));
    await until(() => proxy.addresses.size === 3 && proxy.policies.size === 1, 'synced');
    await create(PEER_AUTHENTICATIONS, {
      metadata: { name: 'default', namespace: 'shop' },
      spec: { mtls: { mode: 'STRICT' } },
    } as KubeObject);
    const policiesOf = () => proxy.workload('Kubernetes//Pod/shop/web-1')?.authorizationPolicies ?? [];
    await until(() => policiesOf().length > 0, 'it is bound');
    expect(policiesOf()).toEqual(['istio-system/istio_converted_static_strict']);
    expect(proxy.policies.has('istio-system/istio_converted_static_strict')).toBe(true);
    expect(JSON.parse(await get(app, '/debug/policy?workload=shop/web-1'))).toMatchObject({
      captured: true,
      missing: [],
      policies: [{ appliesBecause: 'PeerAuthentication' }],
    });
  });

  it('refuses a caller without a valid token, and one that may not follow the mesh', async () => {
    const { kube } = await makeKube();
    const app = await start(kube);
    for (const token of ['', 'bad-token', 'app-token']) {
      const proxy = await connect(addressOf(app), { token });
      await until(() => proxy.terminated > 0, `refused ${token}`);
      expect(proxy.updates).toEqual([]);
    }
    expect(await get(app, '/metrics')).toMatch(/weft_xds_refused_clients_total\{code="PERMISSION_DENIED"\} [1-9]/);
  });

  it('surfaces a NACK in metric and debug page', async () => {
    const { kube, create } = await makeKube();
    const app = await start(kube);
    const proxy = await connect(addressOf(app));
    await until(() => proxy.addresses.size === 3 && proxy.policies.size === 1, 'synced');
    proxy.reject = 'cannot read it';
    await create(PODS, pod('web-3', '10.244.1.4'));
    await until(
      async () => (await get(app, '/debug/nackz')).includes('Kubernetes//Pod/shop/web-3: cannot read it'),
      'rejected',
    );
    expect(await get(app, '/metrics')).toContain('pilot_total_xds_rejects{type="Address"} 1');
    expect(JSON.parse(await get(app, '/debug/syncz'))).toMatchObject({
      clients: [{ caller: 'istio-system/ztunnel', watches: [{ nacks: 1 }, { nacks: 0 }] }],
    });
    expect(JSON.parse(await get(app, '/debug/proxy-status?namespace=istio-system'))).toEqual([
      {
        ...{ pod: 'ztunnel-a', namespace: 'istio-system', type: 'ztunnel', protocol: 'delta', slow: false },
        sync: { Address: 'rejected', Authorization: 'synced' },
        rejected: [{ type: 'Address', reason: expect.stringContaining('cannot read it') as string }],
      },
    ]);
    expect(JSON.parse(await get(app, '/debug/proxy-status?namespace=shop'))).toEqual([]);
  });

  it('serves the last state while the API server is away, and goes on when it is back', async () => {
    const { api, kube, create } = await makeKube();
    const app = await start(kube);
    const first = await connect(addressOf(app));
    await until(() => first.addresses.size === 3, 'synced');
    api.offline = new Error('connection refused');
    api.breakWatches();
    const second = await connect(addressOf(app));
    await until(() => second.terminated > 0, 'refused for now: its token cannot be reviewed');
    expect([first.terminated, first.addresses.size]).toEqual([0, 3]);
    api.offline = null;
    await until(() => second.addresses.size === 3, 'the second is served');
    await create(PODS, pod('web-3', '10.244.1.4'));
    await until(() => first.addresses.size === 4 && second.addresses.size === 4, 'changes flow again');
    expect(first.terminated).toBe(0);
  });

  it('sends clients away until the mesh is known whole', async () => {
    const { api, kube } = await makeKube();
    api.react = ({ path }) => (path.includes('authorizationpolicies') ? new Error('not served') : undefined);
    const app = await start(kube);
    const proxy = await connect(addressOf(app));
    await until(() => proxy.terminated > 0, 'refused');
    expect(proxy.updates).toEqual([]);
    await until(
      async () =>
        (await get(app, '/readyz')) === 'not ready, pending: authorizationpolicies listed, kubernetes synced\n',
      'only policies are missing',
    );
  });

  it('serves TLS with a certificate from files', async () => {
    const { kube } = await makeKube();
    const authority = await TestAuthority.create(Date.now());
    const { certPem, keyPem } = await authority.issue('spiffe://cluster.local/ns/istio-system/sa/weft-control-plane');
    const folder = mkdtempSync(join(tmpdir(), 'weft-cp-'));
    disposers.push(() => rmSync(folder, { recursive: true }));
    writeFileSync(join(folder, 'cert.pem'), certPem);
    writeFileSync(join(folder, 'key.pem'), keyPem);
    const app = await start(
      kube,
      { TLS_CERT_FILE: join(folder, 'cert.pem'), TLS_KEY_FILE: join(folder, 'key.pem') },
      true,
    );
    const proxy = await connect(`https://127.0.0.1:${app.xds.port}`, { root: authority.rootPem });
    await until(() => proxy.addresses.size === 3 && proxy.policies.size === 1, 'synced over TLS');
    expect(await get(app, '/readyz')).toContain('ready');
  });
});
