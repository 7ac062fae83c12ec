import { istio, meshConfig, node, object, pod, PORTS, service, SHOP } from '../testing/proxy/mesh-objects.js';
import { PODS, useWaypoint } from '../testing/waypoint/use-waypoint.js';

const { rig, frontend, expectAnswers, shares } = useWaypoint();

const REQUESTS = 40;
const AWAY_MS = '120s';

/** The waypoint runs on node-1. */
const placed = (i: number) => pod(PODS[i]!, rig().podAddress(PODS[i]!), `node-${i + 1}`);

/** A Service of all pods with a DestinationRule, or a field of its own. */
async function serving(trafficPolicy: object | null, spec: object = {}): Promise<string> {
  const { name, ip } = frontend();
  await rig().apply(
    object({
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name, namespace: SHOP },
      spec: { clusterIP: ip, ports: PORTS, selector: { app: 'echo' }, ...spec },
    }),
    ...(trafficPolicy === null ? [] : [istio('DestinationRule', name, { host: name, trafficPolicy })]),
  );
  return `${ip}:80`;
}

/** One error, and it is out for the time of the test. */
const outlierDetection = {
  consecutive5xxErrors: 1,
  interval: '0.1s',
  baseEjectionTime: AWAY_MS,
  maxEjectionPercent: 100,
};

/** Servers of many requests, once the configuration is there. */
const servers = async (authority: string): Promise<string> =>
  Object.keys(await shares(authority, REQUESTS))
    .sort()
    .join();

/** The server that answers now is left out from now on. */
async function fail(authority: string): Promise<void> {
  expect(await rig().ask(authority, { path: '/status/503' })).toMatchObject({ status: 503 });
}

describe('endpoints by the place of the waypoint', () => {
  beforeAll(() =>
    rig().apply(
      node('node-1', 'r1', 'z1'),
      node('node-2', 'r1', 'z2'),
      node('node-3', 'r2', 'z1'),
      ...PODS.map((_, i) => placed(i)),
    ),
  );

  it('S-06: with outlier detection the nearest locality serves, and the next when its endpoints are ejected', async () => {
    const authority = await serving({ outlierDetection });
    await rig().settles(() => servers(authority), 'v1');
    await fail(authority);
    await rig().settles(() => servers(authority), 'v2');
    await fail(authority);
    await rig().settles(() => servers(authority), 'v3');
    await fail(authority);
    // Everything is ejected, and no share of healthy endpoints was asked for below which all count again.
    await expectAnswers(authority, [['/', 503]]);
  });

  it('minHealthPercent: below this share all endpoints of the locality count again', async () => {
    const authority = await serving({
      outlierDetection: { ...outlierDetection, minHealthPercent: 50 },
      loadBalancer: { localityLbSetting: { enabled: false } },
    });
    await rig().settles(() => servers(authority), 'v1,v2,v3');
    for (let i = 0; i < 3; i++) await rig().ask(authority, { path: '/status/503' });
    await rig().settles(() => servers(authority), 'v1,v2,v3');
  });

  it('localityLbSetting.failover: from the region of the waypoint to the region that is named', async () => {
    await rig().apply(node('node-2', 'r3', 'z1'));
    const failover = [{ from: 'r1', to: 'r2' }];
    const authority = await serving({ outlierDetection, loadBalancer: { localityLbSetting: { failover } } });
    await rig().settles(() => servers(authority), 'v1');
    await fail(authority);
    await rig().settles(() => servers(authority), 'v3');
    await fail(authority);
    await rig().settles(() => servers(authority), 'v2');
    await rig().apply(node('node-2', 'r1', 'z2'));
  });

  it('localityLbSetting.failoverPriority: those first that agree in more labels', async () => {
    const failoverPriority = ['version=v3', 'topology.kubernetes.io/region'];
    const authority = await serving({ outlierDetection, loadBalancer: { localityLbSetting: { failoverPriority } } });
    await rig().settles(() => servers(authority), 'v3');
    await fail(authority);
    await rig().settles(() => servers(authority), 'v1,v2');
  });

  it('localityLbSetting.distribute: shares by locality, none for those that are not named', async () => {
    const distribute = [{ from: 'r1/z1/*', to: { 'r1/z2/*': 80, 'r2/*': 20 } }];
    const authority = await serving({ loadBalancer: { simple: 'ROUND_ROBIN', localityLbSetting: { distribute } } });
    await rig().settles(() => servers(authority), 'v2,v3');
    const { v2 = 0, v3 = 0 } = await shares(authority, 3 * REQUESTS);
    expect(v2).toBeGreaterThan(v3);
  });

  it('localityLbSetting.enabled: false makes all alike', async () => {
    const authority = await serving({ outlierDetection, loadBalancer: { localityLbSetting: { enabled: false } } });
    await rig().settles(() => servers(authority), 'v1,v2,v3');
  });

  it.each([
    ['PreferClose', 'v2'],
    ['PreferSameZone', 'v2'],
    ['PreferSameNode', 'v2'],
  ])('trafficDistribution %s: the nearest that there are', async (trafficDistribution, next) => {
    await rig().apply(node('node-3', 'r2', 'z1'), placed(0));
    const authority = await serving(null, { trafficDistribution });
    await rig().settles(() => servers(authority), 'v1');
    await rig().remove(placed(0));
    await rig().settles(() => servers(authority), next);
    await rig().apply(placed(0));
    await rig().settles(() => servers(authority), 'v1');
  });

  it('trafficDistribution tells nodes of a zone apart only if it says so', async () => {
    await rig().apply(node('node-2', 'r1', 'z1'));
    const zone = await serving(null, { trafficDistribution: 'PreferClose' });
    const same = await serving(null, { trafficDistribution: 'PreferSameNode' });
    await rig().settles(() => servers(zone), 'v1,v2');
    await rig().settles(() => servers(same), 'v1');
    await rig().apply(node('node-2', 'r1', 'z2'));
    await rig().settles(() => servers(zone), 'v1');
  });

  it('internalTrafficPolicy Local: endpoints on the node of the waypoint, and no others when there are none', async () => {
    const authority = await serving(null, { internalTrafficPolicy: 'Local' });
    await rig().settles(() => servers(authority), 'v1');
    await rig().remove(placed(0));
    await expectAnswers(authority, [['/', 503]]);
    await rig().apply(placed(0));
    await rig().settles(() => servers(authority), 'v1');
  });

  it('localityLbSetting of MeshConfig: of services whose rules and specifications say nothing of places', async () => {
    const distribute = [{ from: 'r1/*', to: { 'r2/*': 100 } }];
    const plain = await serving({ loadBalancer: { simple: 'ROUND_ROBIN' } });
    const close = await serving(null, { trafficDistribution: 'PreferClose' });
    const ruled = await serving({ loadBalancer: { localityLbSetting: { enabled: false } } });
    await rig().settles(() => servers(plain), 'v1,v2,v3');
    await rig().apply(meshConfig({ localityLbSetting: { distribute } }));
    await rig().settles(() => servers(plain), 'v3');
    await rig().settles(() => servers(close), 'v1');
    await rig().settles(() => servers(ruled), 'v1,v2,v3');
    await rig().apply(meshConfig({}));
    await rig().settles(() => servers(plain), 'v1,v2,v3');
  });

  it('defaultTrafficPolicy of MeshConfig with outlier detection: the nearest first, of every service', async () => {
    const authority = await serving(null);
    await rig().apply(meshConfig({ defaultTrafficPolicy: { outlierDetection } }));
    await rig().settles(() => servers(authority), 'v1');
    await rig().apply(
      meshConfig({ defaultTrafficPolicy: { outlierDetection }, localityLbSetting: { enabled: false } }),
    );
    await rig().settles(() => servers(authority), 'v1,v2,v3');
    await rig().apply(meshConfig({}));
  });

  it('the nearest changes with the place of the waypoint', async () => {
    const authority = await serving(null, { trafficDistribution: 'PreferClose' });
    await rig().settles(() => servers(authority), 'v1');
    await rig().apply(node('node-1', 'r2', 'z1'), node('node-2', 'r2', 'z2'));
    await rig().settles(() => servers(authority), 'v1,v3');
  });

  it('a service without any of it uses all', async () => {
    const { name, ip } = frontend();
    await rig().apply(service(name, ip, null));
    await rig().settles(() => servers(`${ip}:80`), 'v1,v2,v3');
  });
});
