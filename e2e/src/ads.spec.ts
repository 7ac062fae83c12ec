import { join } from 'node:path';
import type { KubeObject } from '@weft/kube';
import { until } from '@weft/testing-fixtures';
import { HttpLoad } from './cluster/http-load.js';
import { WORKSPACE } from './cluster/local-cluster.js';
import { useCluster } from './cluster/use-cluster.js';
import { namespace, pod } from './workloads/objects.js';
import { GRPC_PORT, grpcAskCommand, grpcEcho, httpEcho } from './workloads/own-programs.js';
import { HTTP_PORT, shell } from './workloads/programs.js';

const CLIENT = { namespace: 'shop', pod: 'client' };
const GRPC_CLIENT = { namespace: 'shop', pod: 'grpc-client', container: 'app' };
const XDS_FOLDER = '/etc/istio/proxy';
const BOOTSTRAP = { name: 'GRPC_XDS_BOOTSTRAP', value: `${XDS_FOLDER}/grpc.json` };
const SETTLE_MS = 20_000;

const object = (apiVersion: string, kind: string, name: string, rest: object, labels = {}): KubeObject => ({
  apiVersion,
  kind,
  metadata: { name, namespace: 'shop', labels },
  ...rest,
});
const service = (name: string, selector: object, ports: readonly object[], labels = {}): KubeObject =>
  object('v1', 'Service', name, { spec: { selector, ports } }, labels);
const destinationRule = (name: string, spec: object): KubeObject =>
  object('networking.istio.io/v1', 'DestinationRule', name, { spec: { host: name, ...spec } });

/** What the agent needs of its pod; in a real cluster the injected container has the same. */
const agent = (): object => ({
  name: 'agent',
  image: 'weft/proxy-agent',
  command: [process.execPath, join(WORKSPACE, 'dist/apps/proxy-agent/main.cjs'), 'sidecar'],
  env: [
    { name: 'DISABLE_ENVOY', value: 'true' },
    BOOTSTRAP,
    ...Object.entries({
      POD_NAME: 'metadata.name',
      POD_NAMESPACE: 'metadata.namespace',
      INSTANCE_IP: 'status.podIP',
      SERVICE_ACCOUNT: 'spec.serviceAccountName',
    }).map(([name, fieldPath]) => ({ name, valueFrom: { fieldRef: { fieldPath } } })),
  ],
  volumeMounts: [
    { name: 'xds', mountPath: XDS_FOLDER },
    { name: 'istio-token', mountPath: '/var/run/secrets/tokens' },
    { name: 'istio-root', mountPath: '/var/run/secrets/istio' },
  ],
});

function grpcClient(): KubeObject {
  const idle = ['sh', '-c', 'while true; do sleep 3600; done'];
  const xds = { name: 'xds', mountPath: XDS_FOLDER };
  const token = { path: 'istio-token', audience: 'istio-ca', expirationSeconds: 43_200 };
  return object('v1', 'Pod', 'grpc-client', {
    spec: {
      terminationGracePeriodSeconds: 1,
      nodeSelector: { 'kubernetes.io/hostname': 'node-1' },
      containers: [{ name: 'app', image: 'app', command: idle, env: [BOOTSTRAP], volumeMounts: [xds] }, agent()],
      volumes: [
        { name: 'xds', emptyDir: {} },
        { name: 'istio-token', projected: { sources: [{ serviceAccountToken: token }] } },
        { name: 'istio-root', configMap: { name: 'istio-ca-root-cert' } },
      ],
    },
  });
}

describe('the control plane over ADS', () => {
  const cluster = useCluster({ name: 'ads', nodes: 2 });

  const debug = async (page: string): Promise<unknown> => {
    const url = `localhost:15014/debug/${page}`;
    const where = ['exec', '-n', 'istio-system', 'deploy/weft-control-plane', '--'];
    return JSON.parse(await cluster().kubectlOk([...where, 'curl', '-sS', url]));
  };
  const servers = async (count: number): Promise<Record<string, number>> => {
    const one = `curl -sS --max-time 5 -o /dev/null -w '%{http_code} %header{x-server}\\n' http://web.shop/`;
    const { stdout } = await cluster().exec(CLIENT, ['sh', '-c', `for i in $(seq ${count}); do ${one}; done`]);
    const seen: Record<string, number> = {};
    for (const line of stdout.trim().split('\n')) seen[line] = (seen[line] ?? 0) + 1;
    return seen;
  };
  const grpc = async (calls: number, ...more: string[]): Promise<Record<string, number>> => {
    const target = `xds:///echo.shop.svc.cluster.local:${GRPC_PORT}`;
    const { stdout, stderr } = await cluster().exec(GRPC_CLIENT, grpcAskCommand(target, calls, ...more));
    if (stdout === '') throw new Error(stderr);
    return JSON.parse(stdout) as Record<string, number>;
  };
  const split = (v1: number, v2: number): KubeObject =>
    object('gateway.networking.k8s.io/v1', 'HTTPRoute', 'web', {
      spec: {
        parentRefs: [{ group: '', kind: 'Service', name: 'web' }],
        rules: [
          {
            backendRefs: [
              { name: 'web-v1', port: 80, weight: v1 },
              { name: 'web-v2', port: 80, weight: v2 },
            ],
          },
        ],
      },
    });

  beforeAll(async () => {
    const versions = ['v1', 'v2'] as const;
    const http = [{ name: 'http', port: 80, targetPort: HTTP_PORT }];
    const grpcPort = [{ name: 'grpc', port: GRPC_PORT, targetPort: GRPC_PORT }];
    const env = [{ name: 'ISTIO_DELTA_XDS', value: 'false' }];
    const patch = { spec: { template: { spec: { containers: [{ name: 'istio-proxy', env }] } } } };
    await cluster().apply([
      namespace('shop', true),
      ...pod({ ...CLIENT, name: CLIENT.pod, node: 'node-1', containers: [shell()] }),
      ...versions.flatMap((version) => [
        ...pod({
          namespace: 'shop',
          name: `web-${version}`,
          node: 'node-2',
          labels: { app: 'web', version },
          containers: [httpEcho(version)],
        }),
        ...pod({
          namespace: 'shop',
          name: `echo-${version}`,
          node: 'node-2',
          labels: { app: 'echo', version },
          containers: [grpcEcho(version)],
        }),
        service(`web-${version}`, { app: 'web', version }, http),
      ]),
      service('web', { app: 'web' }, http, { 'istio.io/use-waypoint': 'wp' }),
      service('echo', { app: 'echo' }, grpcPort),
      object('v1', 'ConfigMap', 'state-of-the-world', { data: { deployment: JSON.stringify(patch) } }),
      object('gateway.networking.k8s.io/v1', 'Gateway', 'wp', {
        spec: {
          gatewayClassName: 'istio-waypoint',
          listeners: [{ name: 'mesh', port: 15_008, protocol: 'HBONE' }],
          infrastructure: { parametersRef: { group: '', kind: 'ConfigMap', name: 'state-of-the-world' } },
        },
      }),
      grpcClient(),
    ]);
    await cluster().ready('shop', ['client', 'web-v1', 'web-v2', 'echo-v1', 'echo-v2', 'grpc-client'], 60_000);
    await cluster().apply([split(1, 0)]);
    await until(async () => (await servers(3))['200 v1'] === 3, 'the waypoint routes', 60_000);
  }, 180_000);

  it('serves an Envoy that asks for the state of the world, and loses no request while routes change', async () => {
    expect(await debug('syncz')).toMatchObject({
      clients: expect.arrayContaining([
        expect.objectContaining({ node: expect.stringMatching(/^waypoint~/) as string, protocol: 'sotw' }),
      ]) as object[],
    });
    const load = await HttpLoad.start(cluster(), CLIENT, 'http://web.shop/', 100);
    for (let i = 1; i <= 10; i++)
      await cluster().apply([
        split(i % 2, (i + 1) % 2),
        destinationRule('web-v1', { trafficPolicy: { connectionPool: { http: { maxRetries: i } } } }),
      ]);
    await until(async () => (await servers(3))['200 v2'] === 3, 'the last change is there', SETTLE_MS);
    const { asked, failed, byServer } = await load.end();
    expect([failed, asked > 50]).toEqual([0, true]);
    expect(Object.keys(byServer).sort()).toEqual(['v1', 'v2']);
  }, 90_000);

  it('keeps the last good configuration when Envoy rejects one, and says so', async () => {
    // Whether a file is in the waypoint's pod only Envoy can tell.
    const rejected = { trafficPolicy: { tls: { mode: 'SIMPLE', caCertificates: '/etc/no-such-roots.pem' } } };
    await cluster().apply([destinationRule('web-v2', rejected)]);
    const nacks = async () => JSON.stringify(await debug('nackz'));
    await until(async () => (await nacks()).includes('no-such-roots'), 'the rejection is seen', SETTLE_MS);
    expect(await servers(3)).toEqual({ '200 v2': 3 });
    const states = JSON.stringify(await debug('syncz'));
    expect(states).toMatch(/"lastNack":"[^"]*no-such-roots/);
    await cluster().delete([destinationRule('web-v2', rejected)]);
    await until(async () => !/"lastNack":"/.test(JSON.stringify(await debug('syncz'))), 'all is well again', SETTLE_MS);
    await cluster().apply([split(1, 0)]);
    await until(async () => (await servers(3))['200 v1'] === 3, 'changes arrive again', SETTLE_MS);
  }, 90_000);

  it('routes the calls of a gRPC client that has no proxy, through the mesh', async () => {
    // The first calls of a client go to whichever server it is connected to already.
    await until(
      async () =>
        Object.keys(await grpc(10))
          .sort()
          .join() === 'v1,v2',
      'both are asked',
      SETTLE_MS,
    );
    const to = (subset: string) => [{ destination: { host: 'echo', subset } }];
    const rules = [
      { match: [{ headers: { user: { exact: 'jason' } } }], route: to('v2') },
      { match: [{ uri: { exact: '/test.Echo/Other' } }], route: to('v2') },
      { route: to('v1') },
    ];
    await cluster().apply([
      destinationRule('echo', { subsets: ['v1', 'v2'].map((version) => ({ name: version, labels: { version } })) }),
      object('networking.istio.io/v1', 'VirtualService', 'echo', { spec: { hosts: ['echo'], http: rules } }),
    ]);
    await until(async () => (await grpc(4))['v1'] === 4, 'the routes are there', SETTLE_MS);
    expect([await grpc(4, 'Who', 'user=jason'), await grpc(4, 'Other')]).toEqual([{ v2: 4 }, { v2: 4 }]);
    // It is encrypted on the way: the server's ztunnel knows the client by its certificate.
    const known = new RegExp(`ns/shop/sa/default.*:${GRPC_PORT}|:${GRPC_PORT}.*ns/shop/sa/default`);
    const logs = () => cluster().kubectlOk(['logs', '-n', 'istio-system', '-l', 'app=ztunnel', '--tail=500']);
    await until(async () => known.test(await logs()), 'its connections are in the log', SETTLE_MS);
  }, 90_000);
});
