import type { Condition, KubeObject } from '@weft/kube';
import { HTTP_ROUTES } from '@weft/mesh-api';
import { EDGE, ingressGateway, WEB_PORT, webListener } from '../testing/gateway/gateway-rig.js';
import { EDGE_PARENT, useGateway } from '../testing/gateway/use-gateway.js';
import { namespace, object, route, SHOP } from '../testing/proxy/mesh-objects.js';

const { rig, expectAnswers } = useGateway();
const API = 'gateway.networking.k8s.io';
const FAR = 'far';

const listenerSet = (name: string, listeners: readonly object[], ns = SHOP): KubeObject =>
  object({
    apiVersion: `${API}/v1`,
    kind: 'ListenerSet',
    metadata: { name, namespace: ns },
    spec: { parentRef: { name: EDGE, namespace: SHOP }, listeners },
  });
const web = (hostname: string, more: object = {}) =>
  webListener(hostname.replaceAll('.', '-'), WEB_PORT, { hostname, ...more });
const edge = (from: string, ...listeners: readonly object[]) =>
  ingressGateway(EDGE, [web('gw.example'), ...listeners], { allowedListeners: { namespaces: { from } } });
const ofSet = (name: string, more: object = {}) => ({
  group: API,
  kind: 'ListenerSet',
  name,
  namespace: SHOP,
  ...more,
});

/** A route by path, of the parents that it names; to a pod. */
const by = (path: string, parentRefs: readonly object[], pod: string, ns = SHOP): KubeObject =>
  route(
    'HTTPRoute',
    path,
    EDGE_PARENT,
    {
      parentRefs,
      rules: [
        {
          matches: [{ path: { type: 'PathPrefix', value: `/${path}` } }],
          backendRefs: [{ name: `echo-${pod}`, namespace: SHOP, port: 80 }],
        },
      ],
    },
    ns,
  );

interface Parent {
  readonly parentRef: { readonly kind: string };
  readonly conditions: readonly Condition[];
}

/** Of each parent of a route: its kind, and whether it takes it. */
async function parents(name: string, ns = SHOP): Promise<string> {
  const found = await rig()
    .kube.client()
    .get<KubeObject & { status?: { parents?: readonly Parent[] } }>(HTTP_ROUTES, ns, name);
  return (found?.status?.parents ?? [])
    .map(
      ({ parentRef, conditions }) => `${parentRef.kind} ${conditions.find(({ type }) => type === 'Accepted')?.reason}`,
    )
    .join(', ');
}
const taken = (name: string, expected: string, ns = SHOP) => rig().settles(() => parents(name, ns), expected);

/** By the names of the conformance suite, with the real Envoy. */
describe('ListenerSet', () => {
  it('ListenerSetHTTPRouting: routes of the Gateway, of a set, and of one listener of a set', async () => {
    await rig().apply(
      edge('All'),
      listenerSet('one', [web('one-a.example'), web('one-b.example')]),
      listenerSet('two', [web('two.example')]),
      by('all', [EDGE_PARENT, ofSet('one'), ofSet('two')], 'v1'),
      by('gateway', [EDGE_PARENT], 'v2'),
      by('set', [ofSet('one')], 'v2'),
      by('section', [ofSet('one', { sectionName: 'one-a-example' })], 'v3'),
    );
    const hosts = ['gw.example', 'one-a.example', 'one-b.example', 'two.example'];
    for (const host of hosts) await expectAnswers(host, [['/all', 'v1']]);
    const served: Readonly<Record<string, readonly (string | number)[]>> = {
      '/gateway': ['v2', 404, 404, 404],
      '/set': [404, 'v2', 'v2', 404],
      '/section': [404, 'v3', 404, 404],
    };
    for (const [path, answers] of Object.entries(served))
      for (const [i, host] of hosts.entries()) await expectAnswers(host, [[path, answers[i]!]]);
  });

  it('ListenerSetDualParentRefIndependence, ListenerSetGatewayParentSectionNameNotFound, ListenerSetRouteStatusScopedToParentRef', async () => {
    await rig().apply(
      edge('Same'),
      listenerSet('dual', [web('dual.example')]),
      by('both', [EDGE_PARENT, ofSet('dual')], 'v1'),
      by(
        'one',
        [{ ...EDGE_PARENT, sectionName: 'dual-example' }, ofSet('dual', { sectionName: 'dual-example' })],
        'v2',
      ),
      by('gateway-only', [EDGE_PARENT], 'v1'),
      by('set-only', [ofSet('dual')], 'v1'),
    );
    await taken('both', 'Gateway Accepted, ListenerSet Accepted');
    await taken('one', 'Gateway NoMatchingParent, ListenerSet Accepted');
    await taken('gateway-only', 'Gateway Accepted');
    await taken('set-only', 'ListenerSet Accepted');
    await expectAnswers('dual.example', [
      ['/both', 'v1'],
      ['/one', 'v2'],
    ]);
    await expectAnswers('gw.example', [
      ['/both', 'v1'],
      ['/one', 404],
    ]);
  });

  it('ListenerSetAllowedRoutesNamespaces: Same is the namespace of the set', async () => {
    const same = { allowedRoutes: { namespaces: { from: 'Same' } } };
    await rig().apply(
      namespace(FAR),
      object({
        apiVersion: `${API}/v1`,
        kind: 'ReferenceGrant',
        metadata: { name: 'far', namespace: SHOP },
        spec: { from: [{ group: API, kind: 'HTTPRoute', namespace: FAR }], to: [{ group: '', kind: 'Service' }] },
      }),
      edge('All'),
      listenerSet('far', [web('far.example', same)], FAR),
      by('near', [ofSet('far', { namespace: FAR })], 'v1'),
      by('afar', [ofSet('far', { namespace: FAR })], 'v2', FAR),
    );
    await taken('near', 'ListenerSet NotAllowedByListeners');
    await taken('afar', 'ListenerSet Accepted', FAR);
    await expectAnswers('far.example', [
      ['/afar', 'v2'],
      ['/near', 404],
    ]);
  });

  it('ListenerSetAllowedNamespaceNone: a set that the Gateway does not take opens nothing, and takes no routes', async () => {
    const port = 8085;
    await rig().apply(
      edge('Same'),
      listenerSet('closed', [webListener('web', port)]),
      by('closed', [ofSet('closed')], 'v1'),
    );
    await expectAnswers('any.example', [['/closed', 'v1']], port);
    await rig().apply(edge('None'));
    const refused = () =>
      rig()
        .ask({ host: 'any.example', path: '/closed' }, port)
        .then(String, () => 'refused');
    await rig().settles(refused, 'refused');
    await taken('closed', 'ListenerSet NoMatchingParent');
  });
});
