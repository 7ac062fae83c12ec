import {
  labelledService,
  routesThroughWaypoint,
  THROUGH,
  waypointService,
} from '../testing/gateway/behind-waypoint.js';
import { useGateway } from '../testing/gateway/use-gateway.js';
import { gateway, namespace, object, SHOP, WAYPOINT } from '../testing/proxy/mesh-objects.js';

const { rig, newHost, expectAnswers } = useGateway([{ type: 'waypoint', name: WAYPOINT, gateway: gateway() }]);

const USE = { 'istio.io/use-waypoint': WAYPOINT };
const INGRESS_USE = { 'istio.io/ingress-use-waypoint': 'true' };
const PAST = { status: 200, headers: { 'x-by': null } };

/** A Service whose waypoint adds a header to answers, behind a host of the gateway. */
async function served(name: string, clusterIP: string, labels: Readonly<Record<string, string>>): Promise<string> {
  const host = newHost();
  await rig().apply(
    waypointService('10.96.4.100'),
    labelledService(name, clusterIP, labels),
    ...routesThroughWaypoint(name, host),
  );
  return host;
}

describe('a service behind a waypoint, at a gateway', () => {
  it('is reached past it, and through it with the label istio.io/ingress-use-waypoint of the Service', async () => {
    const host = await served('of-service', '10.96.4.1', USE);
    await expectAnswers(host, [['/', PAST]]);
    await rig().apply(labelledService('of-service', '10.96.4.1', { ...USE, ...INGRESS_USE }));
    await expectAnswers(host, [['/', THROUGH]]);
    await rig().apply(labelledService('of-service', '10.96.4.1', USE));
    await expectAnswers(host, [['/', PAST]]);
  });

  it('the label of the namespace counts for its Services that say nothing else', async () => {
    const host = await served('of-namespace', '10.96.4.2', USE);
    const not = await served('not-this', '10.96.4.3', { ...USE, 'istio.io/ingress-use-waypoint': 'false' });
    await rig().apply(namespace(SHOP, INGRESS_USE));
    await expectAnswers(host, [['/', THROUGH]]);
    await expectAnswers(not, [['/', PAST]]);
    await rig().apply(namespace(SHOP));
    await expectAnswers(host, [['/', PAST]]);
  });

  it('the waypoint knows the gateway by its identity', async () => {
    const host = await served('guarded', '10.96.4.4', { ...USE, ...INGRESS_USE });
    await expectAnswers(host, [['/', THROUGH]]);
    const policy = (principal: string) =>
      object({
        apiVersion: 'security.istio.io/v1',
        kind: 'AuthorizationPolicy',
        metadata: { name: 'guard', namespace: SHOP },
        spec: {
          targetRefs: [{ group: '', kind: 'Service', name: 'guarded' }],
          rules: [{ from: [{ source: { principals: [principal] } }] }],
        },
      });
    await rig().apply(policy('cluster.local/ns/shop/sa/somebody'));
    await expectAnswers(host, [['/', 403]]);
    await rig().apply(policy('cluster.local/ns/shop/sa/edge'));
    await expectAnswers(host, [['/', THROUGH]]);
  });

  it('a waypoint that is missing is not passed by', async () => {
    const host = await served('missing', '10.96.4.5', { 'istio.io/use-waypoint': 'nobody', ...INGRESS_USE });
    await expectAnswers(host, [['/', 503]]);
  });
});
