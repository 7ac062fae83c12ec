import { ServerCredentials } from '@grpc/grpc-js';
import { EVENTS, type KubeClient, SERVICE_ACCOUNTS, SERVICES } from '@weft/kube';
import { createLogger, startAll, systemClock } from '@weft/runtime';
import { until } from '@weft/testing-fixtures';
import { MeshApiServer } from '@weft/testing-mesh-deployment';
import { createControlPlane } from './app.js';
import { parseControlPlaneConfig } from './config.js';
import { AUTHORIZATION_POLICIES, SERVICE_ENTRIES } from './kube/kube-resources.js';
import { TestProxy } from './testing/test-proxy.js';
const log = createLogger('test', 'silent');
const disposers: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const dispose of disposers.splice(0).reverse()) await dispose();
});

async function makeCluster(): Promise<KubeClient> {
  const server = await MeshApiServer.start(['istio-system', 'shop']);
  disposers.push(() => server.stop());
  const { kube } = server;
  await kube.create(SERVICE_ACCOUNTS, { metadata: { name: 'ztunnel', namespace: 'istio-system' } });
  return kube;
}

describe('on a Kubernetes API server', () => {
  it('reads its resources, takes real tokens, and writes status by server-side apply', async () => {
    const kube = await makeCluster();
    const config = parseControlPlaneConfig(
      { XDS_HOST: '127.0.0.1', XDS_PORT: '0', ADMIN_HOST: '127.0.0.1', ADMIN_PORT: '0' },
      'replica-1',
    );
    if (!config.ok) throw new Error(JSON.stringify(config.error));
    const app = createControlPlane(config.value, {
      kube,
      clock: systemClock,
      log,
      credentials: ServerCredentials.createInsecure(),
    });
    disposers.push(await startAll(app.services, 2000));
    const { token } = await kube.createToken('istio-system', 'ztunnel', {
      audiences: ['istio-ca'],
      expirationSeconds: 3600,
    });
    const proxy = new TestProxy({ address: `http://127.0.0.1:${app.xds.port}`, token });
    await proxy.start();
    disposers.push(() => proxy.stop());
    await until(
      () => proxy.addresses.has('default/kubernetes.default.svc.cluster.local'),
      'the API server is a service of the mesh',
    );

    await kube.create(SERVICES, {
      metadata: { name: 'web', namespace: 'shop' },
      spec: { selector: { app: 'web' }, ports: [{ port: 80 }] },
    });
    await kube.apply(
      AUTHORIZATION_POLICIES,
      {
        metadata: { name: 'p', namespace: 'shop' },
        spec: { rules: [{ to: [{ operation: { methods: ['GET'] } }] }] },
      },
      { fieldManager: 'user' },
    );
    await kube.apply(
      SERVICE_ENTRIES,
      {
        metadata: { name: 'ext', namespace: 'shop' },
        spec: {
          hosts: ['ext.example'],
          resolution: 'STATIC',
          ports: [{ number: 443, name: 'tls' }],
          endpoints: [{ address: '192.0.2.1' }, { address: 'not an address' }],
        },
      },
      { fieldManager: 'user' },
    );
    await until(
      () =>
        proxy.policies.has('shop/p') &&
        proxy.addresses.has('shop/ext.example') &&
        proxy.addresses.has('shop/web.shop.svc.cluster.local'),
      'all is there',
    );
    expect(proxy.workload('Kubernetes/networking.istio.io/ServiceEntry/shop/ext/192.0.2.1')?.services).toMatchObject({
      'shop/ext.example': {},
    });

    const conditionOf = async (type: typeof AUTHORIZATION_POLICIES, name: string) =>
      (await kube.get(type, 'shop', name))?.status?.conditions?.[0];
    await until(
      async () =>
        (await conditionOf(SERVICE_ENTRIES, 'ext')) !== undefined &&
        (await conditionOf(AUTHORIZATION_POLICIES, 'p')) !== undefined,
      'statuses are written',
    );
    expect(await conditionOf(AUTHORIZATION_POLICIES, 'p')).toMatchObject({
      type: 'ZtunnelAccepted',
      status: 'True',
      reason: 'UnsupportedValue',
      observedGeneration: 1,
    });
    expect(await conditionOf(SERVICE_ENTRIES, 'ext')).toMatchObject({
      type: 'Accepted',
      status: 'False',
      reason: 'InvalidValue',
    });
    await kube.eventsWritten();
    const events = (await kube.list(EVENTS, { namespace: 'shop' })).filter(
      ({ involvedObject }) => involvedObject.kind === 'ServiceEntry',
    );
    expect(events).toMatchObject([{ type: 'Warning', reason: 'InvalidValue', involvedObject: { name: 'ext' } }]);
    expect(events[0]?.message).toContain('spec.endpoints[1].address');
    const ext = await until(async () => {
      const entry = await kube.get(SERVICE_ENTRIES, 'shop', 'ext');
      return entry?.status !== undefined && 'addresses' in entry.status ? entry : null;
    }, 'it has addresses');
    const managers = ext.metadata?.managedFields?.map(({ manager, subresource }) => `${manager} ${subresource ?? ''}`);
    expect(managers?.sort()).toEqual(['user ', 'weft-control-plane status', 'weft-control-plane-addresses status']);
  });
});
