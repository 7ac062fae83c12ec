import { EDGE_PARENT, useGateway } from '../testing/gateway/use-gateway.js';
import { istio, node, object, pod, PORTS, route, SHOP } from '../testing/proxy/mesh-objects.js';
import { PODS } from '../testing/waypoint/use-waypoint.js';

const { rig, newHost, shares } = useGateway();

const REQUESTS = 20;
const outlierDetection = {
  consecutive5xxErrors: 1,
  interval: '0.1s',
  baseEjectionTime: '120s',
  maxEjectionPercent: 100,
};

const NODES = ['node-v1', 'node-v2', 'node-v3'] as const;

/** The gateway runs on node-1, the pods on nodes of their own. */
beforeAll(() =>
  rig().apply(
    node('node-1', 'r1', 'z1'),
    node(NODES[0], 'r1', 'z1'),
    node(NODES[1], 'r1', 'z2'),
    node(NODES[2], 'r2', 'z1'),
    ...PODS.map((name, i) => pod(name, rig().podAddress(name), NODES[i])),
  ),
);

async function served(name: string, clusterIP: string, spec: object): Promise<string> {
  const host = newHost();
  await rig().apply(
    object({
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name, namespace: SHOP },
      spec: { clusterIP, ports: PORTS, selector: { app: 'echo' }, ...spec },
    }),
    route('HTTPRoute', name, EDGE_PARENT, { hostnames: [host], rules: [{ backendRefs: [{ name, port: 80 }] }] }),
  );
  return host;
}

const servers = async (host: string): Promise<string> =>
  Object.keys(await shares(host, REQUESTS))
    .sort()
    .join();

describe('endpoints by the place of the gateway', () => {
  it('trafficDistribution PreferClose: those in its zone', async () => {
    const host = await served('close', '10.96.6.1', { trafficDistribution: 'PreferClose' });
    await rig().settles(() => servers(host), 'v1');
    await rig().apply(node('node-1', 'r2', 'z1'));
    await rig().settles(() => servers(host), 'v3');
    await rig().apply(node('node-1', 'r1', 'z1'));
  });

  it('internalTrafficPolicy Local: endpoints on its node, or nobody', async () => {
    const host = await served('local', '10.96.6.3', { internalTrafficPolicy: 'Local' });
    const address = rig().podAddress('v2');
    await rig().apply(pod('v2', address, 'node-1'));
    await rig().settles(() => servers(host), 'v2');
    await rig().apply(pod('v2', address, NODES[1]));
    await rig().settles(async () => (await rig().ask({ host })).status, 503);
  });

  it('S-06: the next locality when the endpoints of the nearest are ejected', async () => {
    const host = await served('ejected', '10.96.6.2', {});
    await rig().settles(() => servers(host), 'v1,v2,v3');
    await rig().apply(istio('DestinationRule', 'ejected', { host: 'ejected', trafficPolicy: { outlierDetection } }));
    for (const next of ['v1', 'v2', 'v3']) {
      await rig().settles(() => servers(host), next);
      expect(await rig().ask({ host, path: '/status/503' })).toMatchObject({ status: 503 });
    }
  });
});
