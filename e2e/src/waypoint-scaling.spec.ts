import { DEPLOYMENTS, PODS, SERVICES, type Condition, type KubeObject, type Pod } from '@weft/kube';
import { GATEWAYS } from '@weft/mesh-api';
import { until } from '@weft/testing-fixtures';
import { AccessLog } from './cluster/access-log.js';
import { HttpLoad } from './cluster/http-load.js';
import { useCluster } from './cluster/use-cluster.js';
import { withSettings } from './cluster/with-settings.js';
import { Ztunnels } from './cluster/ztunnels.js';
import { namespace, pod } from './workloads/objects.js';
import { httpBurstCommand, httpEcho } from './workloads/own-programs.js';
import { HTTP_PORT, shell } from './workloads/programs.js';

const CLIENT = { namespace: 'shop', pod: 'client' };
const URL = 'http://web.shop/';
const READY_MS = 60_000;
/** Connections at once; the number. */
const BURST = 1000;

interface Burst {
  readonly ok: number;
  readonly failed: number;
  readonly firstMs: number;
  readonly lastMs: number;
  readonly failures: readonly string[];
}

describe('a waypoint that scales', () => {
  const cluster = useCluster({
    name: 'waypoint-scaling',
    change: withSettings({
      'weft-waypoint-manager': {
        env: {
          SCALING_INTERVAL: '1s',
          POOL_SIZE: '2',
          POOL_PLACEMENT: 'serverless',
          SERVERLESS_NODE_SELECTOR: '{"kubernetes.io/hostname": "node-2"}',
        },
      },
    }),
  });
  const gateway = (name: string, scaling: string, more: object = {}): KubeObject =>
    ({
      apiVersion: 'gateway.networking.k8s.io/v1',
      kind: 'Gateway',
      metadata: { name, namespace: 'shop', annotations: { 'weft.io/scaling': scaling }, ...more },
      spec: { gatewayClassName: 'istio-waypoint', listeners: [{ name: 'mesh', port: 15_008, protocol: 'HBONE' }] },
    }) as KubeObject;
  const service = (name: string, waypoint: string): KubeObject =>
    ({
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name, namespace: 'shop', labels: { 'istio.io/use-waypoint': waypoint } },
      spec: { selector: { app: 'web' }, ports: [{ name: 'http', port: 80, targetPort: HTTP_PORT }] },
    }) as KubeObject;
  const curl = (url: string, maxSeconds = 40) =>
    cluster().exec(
      CLIENT,
      ['curl', '-sS', '-o', '/dev/null', '-w', '%{http_code} %{time_total}', '--max-time', String(maxSeconds), url],
      {
        timeoutMs: (maxSeconds + 10) * 1000,
      },
    );
  const replicas = async (name = 'wp') => (await cluster().kube.get(DEPLOYMENTS, 'shop', name))?.spec?.replicas;
  const podsOf = (name = 'wp') =>
    cluster().kube.list(PODS, {
      namespace: 'shop',
      labelSelector: `gateway.networking.k8s.io/gateway-name=${name}`,
    });
  const asleep = (name = 'wp') =>
    until(async () => (await replicas(name)) === 0 && (await podsOf(name)).length === 0, `${name} is asleep`, READY_MS);
  const programmed = (name: string) =>
    cluster().kubectlOk(['wait', '-n', 'shop', '--for=condition=Programmed', `gtw/${name}`, '--timeout=60s'], {
      timeoutMs: 70_000,
    });
  /** Requests through the first proxy, as it says of itself. */
  const served = (least: number) =>
    until(
      async () => {
        const [proxy] = await podsOf();
        const at = { namespace: 'shop', pod: proxy?.metadata?.name ?? '' };
        const { stdout } = await cluster().exec(at, ['curl', '-sS', 'http://localhost:15020/stats/load']);
        return Number(/^weft_proxy_requests_total (\d+)$/m.exec(stdout)?.[1] ?? 0) >= least;
      },
      `${least} requests are served`,
      READY_MS,
    );
  const counted = async (name: string, reason?: string): Promise<number> => {
    const samples = await new Ztunnels(cluster()).metrics('node-1');
    return samples
      .filter((sample) => sample.name === name && (reason === undefined || sample.labels['reason'] === reason))
      .reduce((sum, { value }) => sum + value, 0);
  };

  beforeAll(async () => {
    await cluster().apply([
      namespace('shop', true),
      ...pod({ namespace: 'shop', name: 'client', node: 'node-1', containers: [shell()] }),
      ...pod({ namespace: 'shop', name: 'web', node: 'node-2', labels: { app: 'web' }, containers: [httpEcho('web')] }),
      gateway('wp', '{ toZero: true, idleTimeout: 4s }'),
      service('web', 'wp'),
      service('orphan', 'nobody'),
    ]);
    await cluster().ready('shop', ['client', 'web']);
    await programmed('wp');
  }, 150_000);

  it('one that is missing is not passed by: a refusal, a reason, a metric, a condition', async () => {
    const log = await AccessLog.start(cluster());
    const before = await counted('weft_waypoint_refused_connections_total', 'missing');
    expect((await curl('http://orphan.shop/', 5)).code).not.toBe(0);
    await log.line({
      error: /unknown waypoint: shop\/nobody\.shop\.svc\.cluster\.local is neither service nor workload/,
    });
    expect(await counted('weft_waypoint_refused_connections_total', 'missing')).toBe(before + 1);
    const orphan = (await cluster().kube.get(SERVICES, 'shop', 'orphan')) as KubeObject & {
      status?: { conditions?: Condition[] };
    };
    expect(orphan.status?.conditions).toMatchObject([
      { type: 'istio.io/WaypointBound', status: 'False', reason: 'WaypointIsNotReady' },
    ]);
    await cluster().kubectlOk([
      'label',
      '-n',
      'shop',
      'service',
      'orphan',
      'istio.io/use-waypoint=none',
      '--overwrite',
    ]);
    await until(
      async () => (await curl('http://orphan.shop/', 5)).stdout.startsWith('200'),
      '`none` means none',
      15_000,
    );
  }, 60_000);

  it('goes to zero when idle and says so; a burst wakes it, and no connection of it is lost', async () => {
    expect((await curl(URL)).stdout).toMatch(/^200/);
    await asleep();
    await programmed('wp');
    const refused = await counted('weft_waypoint_refused_connections_total');
    const { stdout, stderr } = await cluster().exec(CLIENT, [...httpBurstCommand(URL, BURST)], { timeoutMs: 90_000 });
    const burst = JSON.parse(stdout || `{"stderr": ${JSON.stringify(stderr)}}`) as Burst;
    expect(burst).toMatchObject({ ok: BURST, failed: 0, failures: [] });
    expect(await counted('weft_waypoint_refused_connections_total')).toBe(refused);
    expect(await counted('weft_waypoint_held_connections')).toBe(0);
  }, 150_000);

  it('goes to zero and back again and again under a client that comes now and then', async () => {
    for (let turn = 0; turn < 2; turn++) {
      await asleep();
      const { stdout } = await curl(URL);
      expect(stdout).toMatch(/^200/);
    }
  }, 240_000);

  it('whose Gateway is deleted while connections wait for it refuses them, and nothing is left', async () => {
    await cluster().apply([gateway('gone', '{ toZero: true, idleTimeout: 2s }'), service('doomed', 'gone')]);
    await programmed('gone');
    await asleep('gone');
    // Nobody can start it: the manager is away while connections come.
    await cluster().kubectlOk(['scale', '-n', 'istio-system', 'deploy/weft-waypoint-manager', '--replicas=0']);
    await until(
      async () =>
        (await cluster().kube.list(PODS, { namespace: 'istio-system', labelSelector: 'app=weft-waypoint-manager' }))
          .length === 0,
      'the manager is away',
      READY_MS,
    );
    const waiting = curl('http://doomed.shop/');
    await until(async () => (await counted('weft_waypoint_held_connections')) === 1, 'it is held', READY_MS);
    await cluster().kubectlOk(['delete', '-n', 'shop', 'gtw', 'gone']);
    const startedMs = Date.now();
    expect((await waiting).code).not.toBe(0);
    expect(Date.now() - startedMs).toBeLessThan(25_000);
    await until(async () => (await counted('weft_waypoint_held_connections')) === 0, 'nothing is held any more');
    await cluster().kubectlOk(['scale', '-n', 'istio-system', 'deploy/weft-waypoint-manager', '--replicas=1']);
    for (const type of [DEPLOYMENTS, SERVICES])
      await until(
        async () => (await cluster().kube.get<KubeObject>(type, 'shop', 'gone')) === null,
        'it is gone',
        READY_MS,
      );
    expect(await podsOf('gone')).toEqual([]);
  }, 180_000);

  it('S-40: by load goes out within 15 s of a tenfold step and in after the quiet time, and fails no request', async () => {
    await cluster().apply([gateway('wp', '{ minReplicas: 1, maxReplicas: 3, requestsPerSecond: 30, quietTime: 8s }')]);
    await curl(URL);
    await until(async () => (await replicas()) === 1, 'one proxy', READY_MS);
    const small = await HttpLoad.start(cluster(), CLIENT, URL, 10);
    await served(30);
    expect(await replicas()).toBe(1);
    const large = await HttpLoad.start(cluster(), CLIENT, URL, 90);
    const startedMs = Date.now();
    await until(async () => (await replicas()) === 3, 'it goes out', 30_000);
    const outMs = Date.now() - startedMs;
    const ready = async (count: number) =>
      (await cluster().kube.get(DEPLOYMENTS, 'shop', 'wp'))?.status?.readyReplicas === count;
    await until(() => ready(3), 'three are ready', READY_MS);
    const counts = await large.end();
    await until(async () => (await replicas()) === 1 && (await podsOf()).length === 1, 'it goes in', READY_MS);
    const all = [counts, await small.end()];
    expect(all.map(({ failures }) => failures)).toEqual([[], []]);
    expect(all.every(({ ok, asked }) => ok === asked)).toBe(true);
    expect(outMs).toBeLessThan(15_000);
  }, 240_000);

  it('goes to zero and comes back under clients that stop and start, with no request failed', async () => {
    await cluster().apply([gateway('wp', '{ toZero: true, idleTimeout: 3s }')]);
    for (let turn = 0; turn < 2; turn++) {
      const load = await HttpLoad.start(cluster(), CLIENT, URL, 50);
      await until(async () => (await podsOf()).length > 0, 'it is awake', READY_MS);
      await served(50);
      const counts = await load.end();
      expect(counts.failures).toEqual([]);
      expect(counts.ok).toBe(counts.asked);
      await asleep();
    }
    const gatewayObject = await cluster().kube.get<KubeObject & { status?: { conditions?: Condition[] } }>(
      GATEWAYS,
      'shop',
      'wp',
    );
    const status = gatewayObject?.status?.conditions?.find(({ type }) => type === 'Programmed');
    expect(status).toMatchObject({ status: 'True', message: expect.stringContaining('Asleep') as string });
  }, 240_000);

  it('S-39: takes a warm proxy of the pool on a virtual node, which works in its name, and the pool fills up again', async () => {
    const log = await AccessLog.start(cluster());
    const inPool = async (state: string) =>
      (await cluster().kube.list(PODS, { namespace: 'istio-system', labelSelector: `weft.io/pool=${state}` })).filter(
        ({ metadata }) => metadata?.deletionTimestamp === undefined,
      );
    const isReady = ({ status }: Pod) =>
      status?.conditions?.some(({ type, status: value }) => type === 'Ready' && value === 'True') === true;
    const warm = () =>
      until(async () => (await inPool('warm')).filter(isReady).length === 2, 'two proxies are warm', READY_MS);
    await cluster().kubectlOk(['taint', 'node', 'node-2', 'virtual-kubelet.io/provider=test:NoSchedule']);
    await cluster().kubectlOk(['delete', 'pods', '-n', 'istio-system', '-l', 'weft.io/pool=warm']);
    await warm();
    expect((await inPool('warm')).map(({ spec }) => spec?.nodeName)).toEqual(['node-2', 'node-2']);
    const pooled = gateway('pooled', '{ toZero: true, idleTimeout: 4s }');
    pooled.metadata!.annotations!['weft.io/placement'] = 'pool';
    await cluster().apply([pooled, service('fast', 'pooled')]);
    await programmed('pooled');
    expect(await inPool('claimed')).toEqual([]);
    const { stdout } = await curl('http://fast.shop/');
    expect(stdout).toMatch(/^200/);
    const claimed = await inPool('claimed');
    expect(claimed).toHaveLength(1);
    expect(await cluster().kube.get(DEPLOYMENTS, 'shop', 'pooled')).toBeNull();
    await warm();
    await until(async () => (await inPool('claimed')).length === 0, 'it is let go when idle', READY_MS);
    // A connection has its line when it ends, which those of the proxy do at the latest with it.
    await log.line({ 'src.identity': 'spiffe://cluster.local/ns/shop/sa/pooled', direction: 'inbound' });
    const again = await curl('http://fast.shop/');
    expect(again.stdout).toMatch(/^200/);
    await cluster().kubectlOk(['delete', '-n', 'shop', 'gtw', 'pooled']);
    await until(async () => (await inPool('claimed')).length === 0, 'nothing of a deleted Gateway is left', READY_MS);
  }, 240_000);
});
