import { EDGE, ingressGateway, WEB_PORT, webListener } from '../testing/gateway/gateway-rig.js';
import { EDGE_PARENT, useGateway } from '../testing/gateway/use-gateway.js';
import { HTTP_PORT } from '../testing/proxy/echo-pod.js';
import { object, route, SHOP } from '../testing/proxy/mesh-objects.js';

const SIDE = 'side';
const SIDE_PORT = 81;
const side = ingressGateway(SIDE, [webListener('web', SIDE_PORT)]);
const { rig, newHost, routed, expectAnswers } = useGateway([{ type: 'router', name: SIDE, gateway: side }]);

const to = (name: string, more: object = {}) => ({ backendRefs: [{ name, port: 80, ...more }] });
const prefix = (value: string) => ({ path: { type: 'PathPrefix', value } });
const header = (name: string, value: string) => ({ headers: [{ name, value }] });

/** By the names of the conformance suite, with the real Envoy. */
describe('GATEWAY-HTTP', () => {
  it('HTTPRouteMatchingAcrossRoutes: of all routes for a host the most specific match decides', async () => {
    const com = newHost();
    const net = newHost();
    await rig().apply(
      route('HTTPRoute', 'across-1', EDGE_PARENT, {
        hostnames: [com, net],
        rules: [{ matches: [prefix('/'), header('version', 'one')], ...to('echo-v1') }],
      }),
      route('HTTPRoute', 'across-2', EDGE_PARENT, {
        hostnames: [com],
        rules: [{ matches: [prefix('/v2'), header('version', 'two')], ...to('echo-v2') }],
      }),
    );
    await expectAnswers(com, [
      ['/v2', 'v2'],
      ['/', 'v1'],
      ['/v2/example', 'v2'],
      ['/v2example', 'v1'],
      ['/example', 'v1'],
      [{ headers: { version: 'one' } }, 'v1'],
      [{ headers: { version: 'two' } }, 'v2'],
      [{ path: '/v2', headers: { version: 'one' } }, 'v2'],
    ]);
    await expectAnswers(net, [
      ['/', 'v1'],
      ['/v2', 'v1'],
      [{ headers: { version: 'two' } }, 'v1'],
    ]);
  });

  it('HTTPRouteMultipleGateways: a route of two Gateways is served by both, beside the routes of each', async () => {
    const host = newHost();
    const sideParent = { ...EDGE_PARENT, name: SIDE };
    const shared = route('HTTPRoute', 'shared', EDGE_PARENT, {
      parentRefs: [EDGE_PARENT, sideParent],
      hostnames: [host],
      rules: [{ matches: [prefix('/shared')], ...to('echo-v1') }],
    });
    const own = (name: string, parent: typeof sideParent, backend: string) =>
      route('HTTPRoute', name, parent, { hostnames: [host], rules: [to(backend)] });
    await rig().apply(shared, own('of-edge', { ...EDGE_PARENT }, 'echo-v2'), own('of-side', sideParent, 'echo-v3'));
    await expectAnswers(host, [
      ['/shared', 'v1'],
      ['/', 'v2'],
    ]);
    await expectAnswers(
      host,
      [
        ['/shared', 'v1'],
        ['/', 'v3'],
      ],
      SIDE_PORT,
    );
  });

  it('HTTPRoutePartiallyInvalidViaInvalidReferenceGrant: a rule without grant answers 500, its sibling works', async () => {
    await rig().apply(
      bare('far-v1', '10.96.3.1', { ns: 'far' }),
      slicesOf('far-v1', { ns: 'far', ip: rig().podAddress('v1') }),
      bare('far-v2', '10.96.3.2', { ns: 'far' }),
      slicesOf('far-v2', { ns: 'far', ip: rig().podAddress('v2') }),
      object({
        apiVersion: 'gateway.networking.k8s.io/v1beta1',
        kind: 'ReferenceGrant',
        metadata: { name: 'one', namespace: 'far' },
        spec: {
          from: [{ group: 'gateway.networking.k8s.io', kind: 'HTTPRoute', namespace: SHOP }],
          to: [{ group: '', kind: 'Service', name: 'far-v1' }],
        },
      }),
    );
    const host = await routed([
      { matches: [prefix('/v2')], ...to('far-v2', { namespace: 'far' }) },
      to('far-v1', { namespace: 'far' }),
    ]);
    await expectAnswers(host, [
      ['/v2', 500],
      ['/', 'v1'],
    ]);
  });

  it('HTTPRouteServiceTypes: headless Services, and those whose EndpointSlices somebody else writes', async () => {
    await rig().apply(
      bare('manual', '10.96.3.3'),
      slicesOf('manual', { ns: SHOP, ip: rig().podAddress('v1') }),
      bare('headless', 'None', { selector: { app: 'echo', version: 'v2' } }),
      bare('headless-manual', 'None'),
      slicesOf('headless-manual', { ns: SHOP, ip: rig().podAddress('v3') }),
    );
    const exact = (name: string) => ({ matches: [{ path: { type: 'Exact', value: `/${name}` } }], ...to(name) });
    const host = await routed([exact('manual'), exact('headless'), exact('headless-manual')]);
    await expectAnswers(host, [
      ['/manual', 'v1'],
      ['/headless', 'v2'],
      ['/headless-manual', 'v3'],
    ]);
  });

  it('GatewayModifyListeners: a listener that is added serves, one that is removed does not, the others go on', async () => {
    const host = await routed([to('echo-v1')]);
    const web = webListener('web', WEB_PORT);
    await expectAnswers(host, [['/', 'v1']]);
    await rig().apply(ingressGateway(EDGE, [web, webListener('more', 8000, { hostname: host })]));
    await expectAnswers(host, [['/', 'v1']], 8000);
    expect(await rig().ask({ host })).toMatchObject({ status: 200, server: 'v1' });
    await rig().apply(ingressGateway(EDGE, [web]));
    const refused = () =>
      rig()
        .ask({ host }, 8000)
        .then(
          () => 'served',
          () => 'refused',
        );
    await rig().settles(refused, 'refused');
    expect(await rig().ask({ host })).toMatchObject({ status: 200, server: 'v1' });
  });
});

const PORTS = [{ name: 'http', port: 80, targetPort: HTTP_PORT }];

/** Without selector, if none is given. */
const bare = (
  name: string,
  clusterIP: string,
  { ns = SHOP, ...more }: { readonly ns?: string; selector?: object } = {},
) =>
  object({
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name, namespace: ns },
    spec: { clusterIP, ports: PORTS, ...more },
  });

const slicesOf = (name: string, { ns, ip }: { readonly ns: string; readonly ip: string }) =>
  object({
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: { name: `${name}-1`, namespace: ns, labels: { 'kubernetes.io/service-name': name } },
    addressType: 'IPv4',
    ports: [{ name: 'http', port: HTTP_PORT, protocol: 'TCP' }],
    endpoints: [{ addresses: [ip], conditions: { ready: true } }],
  });
