import { PODS, type KubeObject } from '@weft/kube';
import { GATEWAYS } from '@weft/mesh-api';
import { until } from '@weft/testing-fixtures';
import {
  labelledService,
  routesThroughWaypoint,
  THROUGH,
  waypointService,
} from '../testing/gateway/behind-waypoint.js';
import { EDGE, ingressGateway, WEB_PORT, webListener } from '../testing/gateway/gateway-rig.js';
import { EDGE_PARENT, useGateway } from '../testing/gateway/use-gateway.js';
import { askHttp } from '../testing/proxy/http-client.js';
import { gateway, object, route, SHOP, WAYPOINT } from '../testing/proxy/mesh-objects.js';
import { readStream } from '../testing/proxy/read-stream.js';

const { rig, newHost, expectAnswers } = useGateway([{ type: 'waypoint', name: WAYPOINT, gateway: gateway() }]);

const TCP_PORT = 9000;
const WAIT_MS = 20_000;
const REQUESTED = 'weft.io/activation-requested';

/** As the waypoint manager makes it for a Gateway that scales to zero. */
const sleepingService = waypointService('10.96.5.100', {
  annotations: { 'weft.io/scales-to-zero': 'true' },
  ownerReferences: [{ apiVersion: 'gateway.networking.k8s.io/v1', kind: 'Gateway', name: WAYPOINT, uid: 'u' }],
});

/** A Service whose waypoint adds a header to answers. */
async function behindWaypoint(name: string, clusterIP: string): Promise<string> {
  const labels = { 'istio.io/use-waypoint': WAYPOINT, 'istio.io/ingress-use-waypoint': 'true' };
  const host = newHost();
  await rig().apply(sleepingService, labelledService(name, clusterIP, labels), ...routesThroughWaypoint(name, host));
  return host;
}

const requested = async (): Promise<string | undefined> =>
  (await rig().kube.client().get(GATEWAYS, SHOP, WAYPOINT))?.metadata?.annotations?.[REQUESTED];

/** The waypoint's only proxy goes; the result brings it back. Its Envoy keeps running, which nobody can tell. */
async function putToSleep(cluster: string): Promise<() => Promise<void>> {
  const { metadata, ...rest } = (await rig().kube.client().get(PODS, SHOP, `${WAYPOINT}-1`)) as KubeObject;
  const { name, namespace, labels } = metadata!;
  await rig().remove({ metadata: { name: name!, namespace: namespace! }, kind: 'Pod' });
  await until(
    async () => !(await rig().envoy.admin('/clusters')).includes(cluster),
    'the gateway knows of it no more',
    WAIT_MS,
  );
  return () =>
    rig().apply({ apiVersion: 'v1', kind: 'Pod', metadata: { name, namespace, labels }, ...rest } as KubeObject);
}

const cluster = (name: string, port = 80) => `outbound|${port}||${name}.${SHOP}.svc.cluster.local`;

/** Who asks for it now is seen by a new time. */
async function awaitRequest(before: string | undefined): Promise<void> {
  await until(async () => (await requested()) !== before, 'the waypoint is asked for', WAIT_MS);
}

describe('a waypoint that is asleep, asked for by a gateway', () => {
  it('is started for a request, which waits and is answered through it, again and again', async () => {
    const host = await behindWaypoint('sleeper', '10.96.5.1');
    await expectAnswers(host, [['/', THROUGH]]);
    for (let turn = 0; turn < 2; turn++) {
      const wake = await putToSleep(cluster('sleeper'));
      const before = await requested();
      const answers = Promise.all(
        Array.from({ length: 20 }, (_, i) => rig().ask({ host, path: `/${i}`, method: i % 2 === 0 ? 'GET' : 'POST' })),
      );
      await awaitRequest(before);
      await wake();
      for (const { status, headers } of await answers)
        expect({ status, by: headers['x-by'] }).toEqual({ status: 200, by: 'waypoint' });
    }
  });

  it('is left by the gateway when nothing is asked of it for a while, so that it can fall asleep', async () => {
    const host = await behindWaypoint('left', '10.96.5.4');
    await expectAnswers(host, [['/', THROUGH]]);
    // What the waypoint is scaled by.
    const tunnels = async () => {
      const stats = await rig().proxy(1).admin('/stats?filter=^http.connect_terminate.downstream_rq_active$');
      return Number(stats.split(': ')[1]);
    };
    expect(await tunnels()).toBeGreaterThan(0);
    await rig().settles(tunnels, 0);
  });

  it('is started for a connection', async () => {
    const host = await behindWaypoint('streamed', '10.96.5.2');
    await expectAnswers(host, [['/', THROUGH]]);
    await rig().apply(
      ingressGateway(EDGE, [
        webListener('web', WEB_PORT),
        { name: 'tcp', port: TCP_PORT, protocol: 'TCP', allowedRoutes: { namespaces: { from: 'All' } } },
      ]),
      route('TCPRoute', 'streamed', EDGE_PARENT, { rules: [{ backendRefs: [{ name: 'streamed', port: TCP_PORT }] }] }),
    );
    const read = () => readStream({ host: rig().address, port: TCP_PORT });
    await rig().settles(read, 'v1');
    const wake = await putToSleep(cluster('streamed', TCP_PORT));
    const before = await requested();
    const said = read();
    await awaitRequest(before);
    await wake();
    expect(await said).toBe('v1');
  });

  it('is not started for a request that a policy of the gateway refuses, nor for a service that is not there', async () => {
    const host = await behindWaypoint('guarded', '10.96.5.3');
    const missing = newHost();
    await rig().apply(
      object({
        apiVersion: 'security.istio.io/v1',
        kind: 'AuthorizationPolicy',
        metadata: { name: 'guard', namespace: SHOP },
        spec: {
          targetRefs: [{ group: 'gateway.networking.k8s.io', kind: 'Gateway', name: EDGE }],
          action: 'DENY',
          rules: [{ to: [{ operation: { hosts: [host], paths: ['/closed'] } }] }],
        },
      }),
      route('HTTPRoute', 'missing', EDGE_PARENT, {
        hostnames: [missing],
        rules: [{ backendRefs: [{ name: 'nobody', port: 80 }] }],
      }),
    );
    await expectAnswers(host, [
      ['/closed', 403],
      ['/', THROUGH],
    ]);
    const wake = await putToSleep(cluster('guarded'));
    const before = await requested();
    const { status } = await askHttp({ host: rig().address, port: WEB_PORT }, { host, path: '/closed' });
    expect(status).toBe(403);
    await expectAnswers(missing, [['/', 500]]);
    expect(await requested()).toBe(before);
    await wake();
    await expectAnswers(host, [['/', THROUGH]]);
  });
});
