import type { Condition, KubeObject, ResourceType } from '@weft/kube';
import { HTTP_ROUTES, TCP_ROUTES, TLS_ROUTES } from '@weft/mesh-api';
import { EDGE, ingressGateway, WEB_PORT, webListener } from '../testing/gateway/gateway-rig.js';
import { EDGE_PARENT, useGateway } from '../testing/gateway/use-gateway.js';
import { certificateSecret } from '../testing/proxy/certificate-objects.js';
import { namespace, object, route, service, SHOP } from '../testing/proxy/mesh-objects.js';

const { rig } = useGateway();
const API = 'gateway.networking.k8s.io';
const FAR = 'far';
const FROM_ALL = { allowedRoutes: { namespaces: { from: 'All' } } };

const tcp = (name: string, port: number) => ({ name, port, protocol: 'TCP', ...FROM_ALL });
const tls = (name: string, port: number, mode: string, more: object = {}) => ({
  name,
  port,
  protocol: 'TLS',
  tls: mode === 'Passthrough' ? { mode } : { mode, certificateRefs: [{ name: 'server' }] },
  ...FROM_ALL,
  ...more,
});
const web = webListener('web', WEB_PORT);
const listen = (...listeners: readonly object[]) => rig().apply(ingressGateway(EDGE, [web, ...listeners]));
const at = (more: object = {}) => ({ ...EDGE_PARENT, ...more });
const to = (name: string, port: number, more: object = {}) => ({ rules: [{ backendRefs: [{ name, port, ...more }] }] });

interface Parents {
  readonly parents?: readonly { readonly conditions: readonly Condition[] }[];
}

/** `<Accepted reason> <ResolvedRefs reason>` of a route's only parent. */
const becomes = (kind: ResourceType<KubeObject>, name: string, expected: string) =>
  rig().settles(async () => {
    const found = await rig().kube.client().get<KubeObject & { status?: Parents }>(kind, SHOP, name);
    const conditions = found?.status?.parents?.[0]?.conditions ?? [];
    return ['Accepted', 'ResolvedRefs'].map((type) => conditions.find((one) => one.type === type)?.reason).join(' ');
  }, expected);
const says = (port: number, expected: string | null, serverName?: string) =>
  rig().settles(() => rig().read(port, serverName), expected);

const grant = (kind: string): KubeObject =>
  object({
    apiVersion: `${API}/v1`,
    kind: 'ReferenceGrant',
    metadata: { name: `of-${kind.toLowerCase()}`, namespace: FAR },
    spec: { from: [{ group: API, kind, namespace: SHOP }], to: [{ group: '', kind: 'Service' }] },
  });

/** By the names of the conformance suite, with the real Envoy. */
describe('TCPRoute', () => {
  it('TCPRouteParentRefAttachAll, TCPRouteParentRefPortAndSectionName', async () => {
    await listen(tcp('a', 9001), tcp('b', 9002), tcp('c', 9003));
    const all = route('TCPRoute', 'all', at(), to('echo-v1', 9000));
    await rig().apply(all);
    await becomes(TCP_ROUTES, 'all', 'Accepted ResolvedRefs');
    for (const port of [9001, 9002, 9003]) await says(port, 'v1');
    await rig().remove(all);
    await rig().apply(
      route('TCPRoute', 'by-port', at({ port: 9001 }), to('echo-v1', 9000)),
      route('TCPRoute', 'by-section', at({ sectionName: 'b' }), to('echo-v2', 9000)),
      route('TCPRoute', 'by-both', at({ sectionName: 'c', port: 9003 }), to('echo-v3', 9000)),
    );
    for (const name of ['by-port', 'by-section', 'by-both']) await becomes(TCP_ROUTES, name, 'Accepted ResolvedRefs');
    await says(9001, 'v1');
    await says(9002, 'v2');
    await says(9003, 'v3');
  });

  it('TCPRouteMultipleRoutesAttachment: both are accepted, and the oldest has the connections', async () => {
    await listen(tcp('shared', 9010));
    const parent = at({ sectionName: 'shared' });
    await rig().apply(route('TCPRoute', 'shared-1', parent, to('echo-v1', 9000)));
    await says(9010, 'v1');
    await rig().apply(route('TCPRoute', 'shared-2', parent, to('echo-v2', 9000)));
    for (const name of ['shared-1', 'shared-2']) await becomes(TCP_ROUTES, name, 'Accepted ResolvedRefs');
    await says(9010, 'v1');
    await rig().remove(route('TCPRoute', 'shared-1', parent, {}));
    await says(9010, 'v2');
  });

  it('TCPRouteWeightedRouting', async () => {
    await listen(tcp('weighted', 9020));
    const backendRefs = [
      { name: 'echo-v1', port: 9000, weight: 7 },
      { name: 'echo-v2', port: 9000, weight: 3 },
      { name: 'echo-v3', port: 9000, weight: 0 },
    ];
    await rig().apply(route('TCPRoute', 'weighted', at({ sectionName: 'weighted' }), { rules: [{ backendRefs }] }));
    await becomes(TCP_ROUTES, 'weighted', 'Accepted ResolvedRefs');
    await rig().settles(async () => (await rig().read(9020)) !== null, true);
    const seen: Record<string, number> = {};
    for (let i = 0; i < 100; i++) {
      const server = (await rig().read(9020)) ?? 'closed';
      seen[server] = (seen[server] ?? 0) + 1;
    }
    expect(Object.keys(seen).sort()).toEqual(['v1', 'v2']);
    // 70, by more than four standard deviations.
    expect(Math.abs(seen['v1']! - 70)).toBeLessThan(20);
  });

  it('TCPRouteInvalidBackendRefNonexistent, TCPRouteInvalidNonTCPListener', async () => {
    await listen(tcp('nowhere', 9030));
    await rig().apply(
      route('TCPRoute', 'nowhere', at({ sectionName: 'nowhere' }), to('nobody', 9000)),
      route('TCPRoute', 'to-web', at({ sectionName: 'web' }), to('echo-v1', 9000)),
    );
    await becomes(TCP_ROUTES, 'nowhere', 'Accepted BackendNotFound');
    await becomes(TCP_ROUTES, 'to-web', 'NotAllowedByListeners ResolvedRefs');
    await says(9030, null);
  });

  it('TCPRouteInvalidCrossNamespaceBackendRef, TCPRouteReferenceGrant', async () => {
    await listen(tcp('far', 9040));
    const slices = object({
      apiVersion: 'discovery.k8s.io/v1',
      kind: 'EndpointSlice',
      metadata: { name: 'far-1', namespace: FAR, labels: { 'kubernetes.io/service-name': 'far' } },
      addressType: 'IPv4',
      ports: [{ name: 'tcp', port: 9000, protocol: 'TCP' }],
      endpoints: [{ addresses: [rig().podAddress('v2')], conditions: { ready: true } }],
    });
    await rig().apply(
      namespace(FAR),
      service('far', '10.96.5.1', null, { ns: FAR, ports: [{ name: 'tcp', port: 9000, targetPort: 9000 }] }),
      slices,
      route('TCPRoute', 'far', at({ sectionName: 'far' }), to('far', 9000, { namespace: FAR })),
    );
    await becomes(TCP_ROUTES, 'far', 'Accepted RefNotPermitted');
    await says(9040, null);
    await rig().apply(grant('TCPRoute'));
    await becomes(TCP_ROUTES, 'far', 'Accepted ResolvedRefs');
    await says(9040, 'v2');
  });
});

describe('TLSRoute', () => {
  const hosts = (...hostnames: readonly string[]) => ({ hostnames });
  beforeEach(async () => {
    const dnsNames = ['ended.example.com'];
    const server = await rig().authority.issue('spiffe://cluster.local/ns/shop/sa/edge', { dnsNames });
    await rig().apply(certificateSecret('server', server));
  });

  it('TLSRouteHostnameIntersection: what listener and route have in common is served', async () => {
    await listen(
      tls('exact', 8501, 'Passthrough', { hostname: 'abc.example.com' }),
      tls('wide', 8502, 'Passthrough', { hostname: '*.example.com' }),
      tls('wider', 8503, 'Passthrough', { hostname: '*.com' }),
      tls('any', 8504, 'Passthrough'),
    );
    const of = (section: string, backend: string, ...names: readonly string[]) =>
      route('TLSRoute', `${section}-${backend}`, at({ sectionName: section }), {
        ...hosts(...names),
        ...to(backend, 443),
      });
    await rig().apply(
      of('exact', 'echo-v1', '*.example.com'),
      of('wide', 'echo-v1', 'abc.example.com'),
      of('wide', 'echo-v2', '*.com'),
      of('wider', 'echo-v1', 'abc.example.com'),
      of('wider', 'echo-v2', '*.example.com'),
      of('any', 'echo-v1', 'abc.example.com'),
      of('any', 'echo-v3', '*.example.org'),
    );
    const cases: readonly (readonly [number, string, string | null])[] = [
      [8501, 'abc.example.com', 'v1'],
      [8501, 'def.example.com', null],
      [8502, 'abc.example.com', 'v1'],
      [8502, 'def.example.com', 'v2'],
      [8502, 'def.other.com', null],
      [8503, 'abc.example.com', 'v1'],
      [8503, 'def.example.com', 'v2'],
      [8503, 'def.other.com', null],
      [8504, 'abc.example.com', 'v1'],
      [8504, 'a.example.org', 'v3'],
      [8504, 'a.example.net', null],
    ];
    for (const [port, name, server] of cases) await says(port, server, name);
  });

  it('TLSRouteTerminateSimpleSameNamespace, TLSRouteMixedTerminationSameNamespace: modes share a port', async () => {
    await listen(
      tls('ended', 8510, 'Terminate', { hostname: 'ended.example.com' }),
      tls('passed', 8510, 'Passthrough', { hostname: 'passed.example.com' }),
    );
    await rig().apply(
      route('TLSRoute', 'ended', at(), { ...hosts('ended.example.com'), ...to('echo-v1', 9000) }),
      route('TLSRoute', 'passed', at(), { ...hosts('passed.example.com'), ...to('echo-v2', 443) }),
    );
    await becomes(TLS_ROUTES, 'ended', 'Accepted ResolvedRefs');
    await says(8510, 'v1', 'ended.example.com');
    await says(8510, 'v2', 'passed.example.com');
  });

  it('TLSRouteInvalidBackendRefNonexistent, TLSRouteInvalidBackendRefUnknownKind, TLSRouteInvalidReferenceGrant', async () => {
    await listen(tls('bad', 8520, 'Passthrough'));
    await rig().apply(
      namespace(FAR),
      service('far', '10.96.5.1', null, { ns: FAR, ports: [{ name: 'tls', port: 443, targetPort: 8443 }] }),
      grant('HTTPRoute'),
    );
    const cases: readonly (readonly [string, object, string])[] = [
      ['none', to('nobody', 443), 'BackendNotFound'],
      ['kind', to('echo-v1', 443, { group: 'wrong.io', kind: 'Wrong' }), 'InvalidKind'],
      ['grant', to('far', 443, { namespace: FAR }), 'RefNotPermitted'],
    ];
    for (const [name, rules, reason] of cases) {
      const host = `${name}.example.com`;
      await rig().apply(route('TLSRoute', `bad-${name}`, at({ sectionName: 'bad' }), { ...hosts(host), ...rules }));
      await becomes(TLS_ROUTES, `bad-${name}`, `Accepted ${reason}`);
      await says(8520, null, host);
    }
  });

  it('TLSRouteInvalidNoMatchingListener, TLSRouteInvalidNoMatchingListenerHostname, HTTPRouteDisallowedKind', async () => {
    await listen(
      { ...tls('https', 8530, 'Terminate'), protocol: 'HTTPS' },
      tls('exact', 8531, 'Passthrough', { hostname: 'abc.example.com' }),
      tls('wide', 8532, 'Passthrough', { hostname: '*.example.com' }),
    );
    const cases: readonly (readonly [string, string])[] = [
      ['web', 'NotAllowedByListeners'],
      ['https', 'NotAllowedByListeners'],
      ['nonexistent', 'NoMatchingParent'],
      ['exact', 'NoMatchingListenerHostname'],
      ['wide', 'NoMatchingListenerHostname'],
    ];
    for (const [section, reason] of cases) {
      const spec = { ...hosts('abc.example.org'), ...to('echo-v1', 443) };
      await rig().apply(route('TLSRoute', `to-${section}`, at({ sectionName: section }), spec));
      await becomes(TLS_ROUTES, `to-${section}`, `${reason} ResolvedRefs`);
    }
    await rig().apply(route('HTTPRoute', 'to-tls', at({ sectionName: 'exact' }), to('echo-v1', 80)));
    await becomes(HTTP_ROUTES, 'to-tls', 'NotAllowedByListeners ResolvedRefs');
  });
});
