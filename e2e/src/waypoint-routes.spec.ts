import type { KubeObject } from '@weft/kube';
import { proxyWasmModule, settles } from '@weft/testing-fixtures';
import { AccessLog } from './cluster/access-log.js';
import { useCluster } from './cluster/use-cluster.js';
import { namespace, pod } from './workloads/objects.js';
import { GRPC_PORT, grpcAskCommand, grpcEcho, httpEcho } from './workloads/own-programs.js';
import { HTTP_PORT, nginx, redis, REDIS_PORT, shell } from './workloads/programs.js';

const CLIENT = { namespace: 'shop', pod: 'client' };
const VERSIONS = ['v1', 'v2'] as const;
/** Kinds that have no type of their own here. */
const object = (fields: object): KubeObject => fields;
const identity = (account: string): string => `spiffe://cluster.local/ns/shop/sa/${account}`;

/** What a route says is held by real programs behind ztunnel and the waypoint; the rules one by one are in the control plane. */
describe('routes at a waypoint', () => {
  const cluster = useCluster({ name: 'waypoint-routes' });
  let log: AccessLog;

  const service = (name: string, version: string | null, labels: Record<string, string> = {}): KubeObject =>
    object({
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name, namespace: 'shop', labels },
      spec: {
        selector: { part: 'server', ...(version === null ? {} : { version }) },
        ports: [
          { name: 'http', port: 80, targetPort: HTTP_PORT },
          { name: 'grpc', port: 7070, targetPort: GRPC_PORT },
          { name: 'tcp', port: 6379, targetPort: REDIS_PORT },
        ],
      },
    });
  const route = (kind: string, port: number, rules: readonly object[]): KubeObject =>
    object({
      apiVersion: 'gateway.networking.k8s.io/v1',
      kind,
      metadata: { name: 'all', namespace: 'shop' },
      spec: { parentRefs: [{ group: '', kind: 'Service', name: 'all', port }], rules },
    });
  const rule = (host: string, trafficPolicy: object): KubeObject =>
    object({
      apiVersion: 'networking.istio.io/v1',
      kind: 'DestinationRule',
      metadata: { name: host, namespace: 'shop' },
      spec: { host, trafficPolicy },
    });
  const run = async (script: string): Promise<string> =>
    (await cluster().exec(CLIENT, ['sh', '-c', script], { timeoutMs: 60_000 })).stdout.trim();
  /** `200 v1`: status and server. */
  const ask = (path: string, ...options: string[]): Promise<string> =>
    run(
      `curl -s -o /dev/null -w '%{http_code} %header{x-server}' --max-time 10 ${options.join(' ')} http://all.shop${path}`,
    );

  beforeAll(async () => {
    await cluster().apply([
      namespace('shop', true),
      ...pod({ namespace: 'shop', name: 'client', node: 'node-1', containers: [shell()] }),
      ...VERSIONS.flatMap((version, i) =>
        pod({
          namespace: 'shop',
          name: `server-${version}`,
          node: `node-${i + 1}`,
          labels: { part: 'server', version },
          containers: [httpEcho(version), grpcEcho(version), redis()],
        }),
      ),
      object({
        apiVersion: 'gateway.networking.k8s.io/v1',
        kind: 'Gateway',
        metadata: { name: 'wp', namespace: 'shop' },
        spec: { gatewayClassName: 'istio-waypoint', listeners: [{ name: 'mesh', port: 15008, protocol: 'HBONE' }] },
      }),
      service('all', null, { 'istio.io/use-waypoint': 'wp' }),
      service('plain', null),
      ...VERSIONS.map((version) => service(`only-${version}`, version)),
    ]);
    await cluster().ready('shop', ['client', ...VERSIONS.map((version) => `server-${version}`)]);
    const programmed = ['wait', '-n', 'shop', '--for=condition=Programmed', 'gtw/wp', '--timeout=60s'];
    await cluster().kubectlOk(programmed, { timeoutMs: 70_000 });
    log = await AccessLog.start(cluster());
  }, 150_000);

  it('S-35, S-36: ztunnel goes to the waypoint, whose identity the server’s ztunnel sees; without one straight to the server', async () => {
    await settles(() => ask('/', '-H', 'x-none:1').then((text) => text.slice(0, 3)), '200');
    const viaMs = Date.now();
    await ask('/');
    const out = await log.line({ direction: 'outbound', 'src.workload': 'client', 'dst.service': /^all\.shop/ }, viaMs);
    expect(out).toMatchObject({ 'src.identity': identity('client'), 'dst.identity': identity('wp') });
    expect(out['dst.addr']).toMatch(/:15008$/);
    // Connections for HTTP stay open behind the waypoint; one for Redis ends with its client, and is told then.
    await run('redis-cli -h all.shop ping');
    const arrived = {
      direction: 'inbound',
      'dst.workload': /^server-v/,
      'dst.hbone_addr': new RegExp(`:${REDIS_PORT}$`),
    };
    expect((await log.line(arrived, viaMs))['src.identity']).toBe(identity('wp'));
    const plainMs = Date.now();
    await run('curl -s http://plain.shop/');
    expect(
      await log.line({ direction: 'outbound', 'src.workload': 'client', 'dst.service': /^plain\.shop/ }, plainMs),
    ).toMatchObject({ 'dst.identity': expect.stringContaining('/sa/server-v') as string });
  });

  it('S-31, S-33: a GRPCRoute chooses by method and header, and splits calls of one connection', async () => {
    const backend = (version: string, weight = 1) => ({ name: `only-${version}`, port: 7070, weight });
    await cluster().apply([
      route('GRPCRoute', 7070, [
        { matches: [{ method: { service: 'test.Echo', method: 'Other' } }], backendRefs: [backend('v1')] },
        { matches: [{ headers: [{ name: 'x-user', value: 'tester' }] }], backendRefs: [backend('v2')] },
        { backendRefs: [backend('v1', 80), backend('v2', 20)] },
      ]),
    ]);
    const calls = async (count: number, ...more: string[]) => {
      // The program reads a file with this name before it starts; what is in it is for other names than these.
      const command = grpcAskCommand('dns:///all.shop:7070', count, ...more);
      const text = await run(`GRPC_XDS_BOOTSTRAP=/etc/hostname exec ${command.map((word) => `'${word}'`).join(' ')}`);
      return JSON.parse(text.split('\n').at(-1)!) as Record<string, number>;
    };
    await settles(() => calls(10, 'Other'), { v1: 10 });
    expect(await calls(10, 'Who', 'x-user=tester')).toEqual({ v2: 10 });
    const { v1 = 0, v2 = 0 } = await calls(300);
    expect(v1 + v2).toBe(300);
    // Five standard deviations.
    expect(Math.abs(v2 - 60)).toBeLessThan(35);
  });

  it('S-33: a TCPRoute moves the connections of Redis from one server to the other', async () => {
    const to = (version: string) =>
      route('TCPRoute', 6379, [{ backendRefs: [{ name: `only-${version}`, port: 6379 }] }]);
    for (const version of VERSIONS) await run(`redis-cli -h only-${version}.shop set name ${version}`);
    for (const version of VERSIONS) {
      await cluster().apply([to(version)]);
      await settles(() => run('timeout 5 redis-cli -h all.shop get name'), version);
    }
  });

  it('S-32: too many requests at once are answered 503 by the waypoint, with flag UO in its log, and the rest is served', async () => {
    const telemetry = object({
      apiVersion: 'telemetry.istio.io/v1',
      kind: 'Telemetry',
      metadata: { name: 'logs', namespace: 'shop' },
      spec: {
        targetRefs: [{ group: 'gateway.networking.k8s.io', kind: 'Gateway', name: 'wp' }],
        accessLogging: [{ providers: [{ name: 'envoy' }] }],
      },
    });
    const connectionPool = { tcp: { maxConnections: 1 }, http: { http1MaxPendingRequests: 1 } };
    await cluster().apply([telemetry, rule('all', { connectionPool })]);
    const burst = async (): Promise<readonly string[]> => {
      const one = `curl -s -o /dev/null -w '%{http_code} %header{x-envoy-overloaded}\\n' --max-time 10 http://all.shop/delay/500`;
      return (await run(`for i in 1 2 3 4 5 6; do ${one} & done; wait`)).split('\n').map((line) => line.trim());
    };
    await settles(async () => [...new Set(await burst())].sort(), ['200', '503 true']);
    expect((await ask('/')).slice(0, 3)).toBe('200');
    await settles(async () => {
      await burst();
      const lines = (await cluster().kubectlOk(['logs', '-n', 'shop', 'deploy/wp', '--tail=200'])).split('\n');
      return lines.some((line) => /"GET \/delay\/500 HTTP\/1\.1" 503 UO /.test(line));
    }, true);
    await cluster().delete([telemetry]);
  });

  it('S-32: a server that fails is left out for a while', async () => {
    const outlierDetection = {
      consecutive5xxErrors: 1,
      interval: '0.5s',
      baseEjectionTime: '60s',
      maxEjectionPercent: 100,
    };
    // With outlier detection the servers of the waypoint's own zone are taken alone, unless it is switched off.
    const loadBalancer = { simple: 'ROUND_ROBIN', localityLbSetting: { enabled: false } };
    await cluster().apply([rule('all', { loadBalancer, outlierDetection })]);
    const servers = async (): Promise<readonly string[]> => {
      const script = `for i in 1 2 3 4 5 6; do curl -s -o /dev/null -w '%header{x-server}\\n' http://all.shop/; done`;
      return [...new Set((await run(script)).split('\n'))].sort();
    };
    await settles(servers, ['v1', 'v2']);
    const failed = (await ask('/status/500')).split(' ')[1];
    await settles(
      servers,
      VERSIONS.filter((version) => version !== failed),
    );
  });

  it('a WasmPlugin’s module is fetched by the waypoint’s agent and runs on requests', async () => {
    const module = (await proxyWasmModule({ tag: 'wasm' })).toString('base64');
    const conf = `daemon off; pid /tmp/m.pid; error_log stderr; events {} http { access_log off; server { listen ${HTTP_PORT}; root /tmp/www; } }`;
    const script = `mkdir -p /tmp/www && echo ${module} | base64 -d > /tmp/www/m.wasm && echo '${conf}' > /tmp/m.conf && exec nginx -c /tmp/m.conf`;
    const readinessProbe = { httpGet: { path: '/m.wasm', port: HTTP_PORT }, periodSeconds: 1 };
    const url = `http://modules.shop.svc.cluster.local:${HTTP_PORT}/m.wasm`;
    await cluster().apply([
      ...pod({
        namespace: 'shop',
        name: 'modules',
        node: 'node-1',
        labels: { part: 'modules' },
        containers: [nginx({ command: ['sh', '-ec', script], readinessProbe })],
      }),
      object({
        apiVersion: 'v1',
        kind: 'Service',
        metadata: { name: 'modules', namespace: 'shop' },
        spec: { selector: { part: 'modules' }, ports: [{ name: 'http', port: HTTP_PORT }] },
      }),
      // Before the module can be had: it is asked for until it is there.
      object({
        apiVersion: 'extensions.istio.io/v1alpha1',
        kind: 'WasmPlugin',
        metadata: { name: 'wasm', namespace: 'shop' },
        spec: { targetRefs: [{ group: '', kind: 'Service', name: 'all' }], url, pluginConfig: { rule: 1 } },
      }),
    ]);
    const answered = () => run(`curl -s -o /dev/null -w '%{http_code} %header{x-wasm}' --max-time 10 http://all.shop/`);
    await settles(answered, '200 yes');
  });
});
