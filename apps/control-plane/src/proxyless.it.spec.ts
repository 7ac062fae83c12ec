import { experimental, ServerCredentials, ServerInterceptingCall, ServerListenerBuilder } from '@grpc/grpc-js';
import { register } from '@grpc/grpc-js-xds';
import { NAMESPACES, PODS, SERVICES, type KubeObject, type ResourceType } from '@weft/kube';
import { InMemoryKube } from '@weft/kube/testing';
import { DESTINATION_RULES, GRPC_ROUTES, HTTP_ROUTES, VIRTUAL_SERVICES } from '@weft/mesh-api';
import { createLogger, startAll, systemClock } from '@weft/runtime';
import { until } from '@weft/testing-fixtures';
import { createControlPlane } from './app.js';
import { parseControlPlaneConfig } from './config.js';
import { EchoClient, EchoServer } from './testing/grpc-echo.js';
import { SwitchedPort } from './testing/switched-port.js';

register();

const pod = (name: string, ip: string, labels: Record<string, string>): KubeObject =>
  ({
    metadata: { name, namespace: 'shop', labels },
    spec: { serviceAccountName: 'echo', containers: [] },
    status: { phase: 'Running', podIP: ip, podIPs: [{ ip }], conditions: [{ type: 'Ready', status: 'True' }] },
  }) as unknown as KubeObject;

describe('a gRPC client without a proxy', () => {
  const api = new InMemoryKube();
  const kube = api.client();
  const servers = new Map<string, EchoServer>();
  const clients: EchoClient[] = [];
  let front: SwitchedPort;
  let adminPort = 0;
  let port = 0;
  const create = (type: object, object: object) => kube.create(type as ResourceType<KubeObject>, object);
  /** In one step: without it others would be asked meanwhile. */
  const put = async (type: object, name: string, spec: object, namespace = 'shop') => {
    const held = await kube.get(type as ResourceType<KubeObject>, namespace, name);
    if (held === null) await create(type, { metadata: { name, namespace }, spec });
    else await kube.replace(type as ResourceType<KubeObject>, { ...held, spec } as KubeObject);
  };
  const remove = (type: object, name: string, namespace = 'shop') =>
    kube.delete(type as ResourceType<KubeObject>, namespace, name);

  /** As the agent beside it would write it; here the token is added on the way. */
  const bootstrap = (namespace: string) =>
    JSON.stringify({
      xds_servers: [
        { server_uri: `127.0.0.1:${front.port}`, channel_creds: [{ type: 'insecure' }], server_features: [] },
      ],
      node: {
        id: `sidecar~127.0.0.1~client.${namespace}~${namespace}.svc.cluster.local`,
        locality: { region: 'r', zone: 'z', sub_zone: '' },
        metadata: { GENERATOR: 'grpc' },
      },
    });
  const dial = (host: string, namespace = 'shop'): EchoClient => {
    const client = new EchoClient(`xds:///${host}:${port}`, {
      'grpc.TEST_ONLY_DO_NOT_USE_IN_PROD.xds_bootstrap_config': bootstrap(namespace),
    });
    clients.push(client);
    return client;
  };

  beforeAll(async () => {
    api.react = ({ path }) =>
      path.endsWith('/tokenreviews')
        ? { status: { authenticated: true, user: { username: tokenUser }, audiences: ['istio-ca'] } }
        : undefined;
    for (const [i, name] of ['v1', 'v2', 'v3'].entries())
      servers.set(name, await EchoServer.start(name, `127.0.1.${i + 1}`, servers.get('v1')?.port ?? 0));
    port = servers.get('v1')!.port;
    await create(NAMESPACES, { metadata: { name: 'istio-system' } });
    const service = (name: string, selector: object) =>
      create(SERVICES, {
        metadata: { name, namespace: 'shop' },
        spec: { selector, clusterIP: '10.96.0.9', ports: [{ name: 'grpc', port, targetPort: port }] },
      });
    await service('echo', { app: 'echo' });
    await service('echo-v3', { app: 'echo-v3' });
    for (const [i, version] of ['v1', 'v2'].entries())
      await create(PODS, pod(`echo-${version}`, `127.0.1.${i + 1}`, { app: 'echo', version }));
    await create(PODS, pod('echo-v3', '127.0.1.3', { app: 'echo-v3' }));
    await create(PODS, pod('client', '127.0.1.9', {}));
    await create(PODS, { ...pod('client', '127.0.1.10', {}), metadata: { name: 'client', namespace: 'bank' } });
    front = await SwitchedPort.open();
    await controlPlane.start();
  });

  afterAll(async () => {
    for (const client of clients) client.close();
    for (const server of servers.values()) server.stop();
    await controlPlane.stop();
    await front.close();
    api.close();
  });

  const controlPlane = {
    stop: (): Promise<void> => Promise.resolve(),
    async start(): Promise<void> {
      const config = parseControlPlaneConfig(
        { XDS_HOST: '127.0.0.1', XDS_PORT: '0', ADMIN_HOST: '127.0.0.1', ADMIN_PORT: '0' },
        'replica-1',
      );
      if (!config.ok) throw new Error(JSON.stringify(config.error));
      const log = createLogger('test', 'silent');
      const app = createControlPlane(config.value, { kube, clock: systemClock, log, credentials: withToken() });
      const running = await startAll(app.services, 2000);
      front.target = app.xds.port;
      adminPort = app.admin.port;
      controlPlane.stop = () => {
        controlPlane.stop = () => Promise.resolve();
        front.target = null;
        return running();
      };
    },
  };

  /** In turn, as soon as there is a connection to each. */
  const asksBoth = async (client: EchoClient): Promise<boolean> => {
    const { v1 = 0, v2 = 0 } = await client.count(4);
    return v1 === 2 && v2 === 2;
  };

  let tokenUser = 'system:serviceaccount:shop:echo';
  /** What the agent does: the client itself has no way to send a token. */
  const withToken = (): ServerCredentials =>
    experimental.createServerCredentialsWithInterceptors(ServerCredentials.createInsecure(), [
      (_method, call) =>
        new ServerInterceptingCall(call, {
          start: (next) =>
            next(
              new ServerListenerBuilder()
                .withOnReceiveMetadata((metadata, pass) => {
                  metadata.set('authorization', `Bearer ${tokenUser}`);
                  pass(metadata);
                })
                .build(),
            ),
        }),
    ]);

  const ECHO = 'echo.shop.svc.cluster.local';

  it('finds a service by the name that it dials, and balances among its pods', async () => {
    const client = dial(ECHO);
    await until(() => asksBoth(client), 'both are connected to');
    const { v1 = 0, v2 = 0 } = await client.count(20);
    expect([v1 + v2, Math.abs(v1 - v2) <= 2]).toEqual([20, true]);
    const syncz = await (await fetch(`http://127.0.0.1:${adminPort}/debug/syncz`)).text();
    expect(JSON.parse(syncz)).toMatchObject({ clients: [{ protocol: 'sotw', caller: 'shop/echo' }] });
    await kube.delete(PODS, 'shop', 'echo-v2');
    await until(async () => !('v2' in (await client.count(4))), 'the pod that is gone is not asked any more');
    await create(PODS, pod('echo-v2', '127.0.1.2', { app: 'echo', version: 'v2' }));
    await until(async () => 'v2' in (await client.count(4)), 'it is back');
  });

  it('splits by the weights of an HTTPRoute, and follows when they change', async () => {
    const client = dial(ECHO);
    const split = (own: number, other: number) =>
      put(HTTP_ROUTES, 'echo', {
        parentRefs: [{ group: '', kind: 'Service', name: 'echo' }],
        rules: [
          {
            backendRefs: [
              { name: 'echo', port, weight: own },
              { name: 'echo-v3', port, weight: other },
            ],
          },
        ],
      });
    await split(0, 1);
    await until(async () => (await client.count(6))['v3'] === 6, 'all goes to v3');
    await split(1, 1);
    await until(async () => 'v1' in (await client.count(6)), 'v1 gets some again');
    const seen = await client.count(200);
    expect(seen['v3']).toBeGreaterThan(60);
    expect(seen['v3']).toBeLessThan(140);
    await remove(HTTP_ROUTES, 'echo');
    await until(async () => !('v3' in (await client.count(8))), 'the route is gone');
  });

  it('matches method and header, chooses subsets, and retries, by VirtualService and DestinationRule', async () => {
    const client = dial(ECHO);
    await put(DESTINATION_RULES, 'echo', {
      host: 'echo',
      subsets: [
        { name: 'one', labels: { version: 'v1' } },
        { name: 'two', labels: { version: 'v2' } },
      ],
    });
    const to = (subset: string) => [{ destination: { host: 'echo', subset } }];
    await put(VIRTUAL_SERVICES, 'echo', {
      hosts: ['echo'],
      http: [
        { match: [{ headers: { 'x-user': { exact: 'jason' } } }], route: to('two') },
        { match: [{ uri: { exact: '/test.Echo/Other' } }], route: to('two') },
        { match: [{ headers: { 'x-user': { exact: 'nobody' } } }], route: to('missing') },
        {
          match: [{ headers: { 'x-fault': { exact: 'yes' } } }],
          fault: { abort: { grpcStatus: 'ABORTED', percentage: { value: 100 } } },
          route: to('one'),
        },
        { route: to('one'), retries: { attempts: 3, retryOn: 'unavailable' } },
      ],
    });
    await until(async () => (await client.count(6))['v1'] === 6, 'all goes to v1');
    expect([
      await client.call('Who', { 'x-user': 'jason' }),
      await client.call('Other'),
      await client.call('Who'),
      await client.call('Flaky'),
      await client.call('Flaky'),
    ]).toEqual(['v2', 'v2', 'v1', 'v1', 'v1']);
    // A subset that does not exist fails at once, and holds up nothing else.
    expect(await client.call('Who', { 'x-user': 'nobody' })).toBe('UNAVAILABLE');
    expect(await client.call('Who', { 'x-fault': 'yes' })).toBe('ABORTED');
    await remove(VIRTUAL_SERVICES, 'echo');
    await remove(DESTINATION_RULES, 'echo');
    await until(async () => 'v2' in (await client.count(4)), 'both are gone');
  });

  it('matches a method by GRPCRoute', async () => {
    const client = dial(ECHO);
    await put(GRPC_ROUTES, 'echo', {
      parentRefs: [{ group: '', kind: 'Service', name: 'echo' }],
      rules: [
        {
          matches: [{ method: { service: 'test.Echo', method: 'Other' } }],
          backendRefs: [{ name: 'echo-v3', port }],
        },
        { backendRefs: [{ name: 'echo', port }] },
      ],
    });
    await until(async () => (await client.call('Other')) === 'v3', 'one method goes to v3');
    expect(await client.call('Who')).toMatch(/v[12]/);
    await remove(GRPC_ROUTES, 'echo');
    await until(async () => (await client.call('Other')) !== 'v3', 'the route is gone');
  });

  it('is told what its own namespace says of a service of another, and the others are not', async () => {
    tokenUser = 'system:serviceaccount:bank:echo';
    const bank = dial(ECHO, 'bank');
    await until(async () => (await bank.call()) !== 'UNAVAILABLE', 'the bank is served');
    tokenUser = 'system:serviceaccount:shop:echo';
    const shop = dial(ECHO);
    const route = { destination: { host: 'echo-v3.shop.svc.cluster.local' } };
    await put(VIRTUAL_SERVICES, 'echo', { hosts: [ECHO], http: [{ route: [route] }] }, 'bank');
    await until(async () => (await bank.count(4))['v3'] === 4, 'the bank goes to v3');
    await until(() => asksBoth(shop), 'the others are as before');
    await remove(VIRTUAL_SERVICES, 'echo', 'bank');
    await until(async () => !('v3' in (await bank.count(4))), 'the bank is as the others');
  });

  it('keeps its connections and its routes while the control plane is away, and follows it when it is back', async () => {
    const client = dial(ECHO);
    await until(() => asksBoth(client), 'both are connected to');
    await controlPlane.stop();
    expect(Object.keys(await client.count(4)).sort()).toEqual(['v1', 'v2']);
    await controlPlane.start();
    await put(HTTP_ROUTES, 'echo', {
      parentRefs: [{ group: '', kind: 'Service', name: 'echo' }],
      rules: [{ backendRefs: [{ name: 'echo-v3', port }] }],
    });
    await until(async () => (await client.call()) === 'v3', 'the new route is followed');
  });
});
