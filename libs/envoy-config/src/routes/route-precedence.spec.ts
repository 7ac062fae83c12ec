import { ROUTE_TYPE_URL } from '@weft/xds';
import { RouteConfiguration } from '@weft/xds/gen/envoy/config/route/v3/route.js';
import { Resource } from '@weft/xds/gen/envoy/service/discovery/v3/discovery.js';
import { loadMesh } from '../testing/load-mesh.js';
import { waypointResources } from '../waypoint/waypoint-resources.js';

const SETTINGS = {
  trustDomains: ['cluster.local'],
  clusterDomain: 'cluster.local',
  connectTimeoutMs: 10_000,
  unknownKeys: '{"keys":[]}',
};
const MESH = [
  { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'shop', labels: { 'istio.io/use-waypoint': 'wp' } } },
  {
    apiVersion: 'gateway.networking.k8s.io/v1',
    kind: 'Gateway',
    metadata: { name: 'wp', namespace: 'shop' },
    spec: { gatewayClassName: 'istio-waypoint', listeners: [{ name: 'mesh', port: 15_008, protocol: 'HBONE' }] },
    status: { addresses: [{ type: 'Hostname', value: 'wp.shop.svc.cluster.local' }] },
  },
  {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: 'web', namespace: 'shop' },
    spec: { clusterIP: '10.96.0.1', selector: { app: 'web' }, ports: [{ name: 'http', port: 80 }] },
  },
];

interface Written {
  readonly kind?: 'HTTPRoute' | 'GRPCRoute' | 'VirtualService';
  readonly name: string;
  /** January 2026. */
  readonly day?: number;
  readonly rules: readonly object[];
}

const metadataOf = ({ name, day = 1 }: Written) => ({
  name,
  namespace: 'shop',
  creationTimestamp: `2026-01-${String(day).padStart(2, '0')}T00:00:00Z`,
});

/** A rule that is known by the host that it sends clients to. */
const to = (host: string, ...matches: object[]) => ({
  ...(matches.length > 0 && { matches }),
  filters: [{ type: 'RequestRedirect', requestRedirect: { hostname: host } }],
});
const path = (value: string, type = 'PathPrefix') => ({ path: { type, value } });

function objectOf(written: Written): object {
  const { kind = 'HTTPRoute', rules } = written;
  const metadata = metadataOf(written);
  if (kind === 'VirtualService')
    return { apiVersion: 'networking.istio.io/v1', kind, metadata, spec: { hosts: ['web'], http: rules } };
  const spec = { parentRefs: [{ group: '', kind: 'Service', name: 'web' }], rules };
  return { apiVersion: 'gateway.networking.k8s.io/v1', kind, metadata, spec };
}

/** Hosts of the redirects in the order in which Envoy looks. */
function orderOf(...routes: Written[]): readonly string[] {
  const resources = [...waypointResources(loadMesh([...MESH, ...routes.map(objectOf)]), SETTINGS).values()];
  return resources
    .filter(({ typeUrl }) => typeUrl === ROUTE_TYPE_URL)
    .map(({ resource }) => RouteConfiguration.decode(Resource.decode(resource.encoded).resource!.value))
    .flatMap(({ virtualHosts }) => virtualHosts.flatMap((host) => host.routes))
    .flatMap(({ action }) => (action?.$case === 'redirect' ? [action.value.hostRedirect] : []));
}

describe('of routes in conflict', () => {
  it('the one with the exact path comes first, then the longest prefix', () => {
    const rules = [to('short', path('/')), to('long', path('/long')), to('exact', path('/a', 'Exact'))];
    expect(orderOf({ name: 'a', rules })).toEqual(['exact', 'long', 'short']);
  });

  it('then the one with a method, then most headers, then most query parameters', () => {
    const header = (name: string) => ({ name, value: 'x' });
    const rules = [
      to('plain', path('/')),
      to('query', { ...path('/'), queryParams: [header('q')] }),
      to('queries', { ...path('/'), queryParams: [header('q'), header('r')] }),
      to('header', { ...path('/'), headers: [header('a')] }),
      to('headers', { ...path('/'), headers: [header('a'), header('b')] }),
      to('method', { ...path('/'), method: 'GET' }),
    ];
    expect(orderOf({ name: 'a', rules })).toEqual(['method', 'headers', 'header', 'queries', 'query', 'plain']);
  });

  it('then the one of the oldest route, then by name, then the first rule', () => {
    const route = (name: string, day: number) => ({ name, day, rules: [to(`${name}-1`), to(`${name}-2`)] });
    const expected = ['z-1', 'z-2', 'a-1', 'a-2', 'b-1', 'b-2'];
    expect(orderOf(route('a', 2), route('b', 2), route('z', 1))).toEqual(expected);
    expect(orderOf(route('z', 1), route('b', 2), route('a', 2))).toEqual(expected);
  });

  it('the most specific match of all routes counts, not the age of its route', () => {
    const old = { name: 'old', day: 1, rules: [to('short', path('/'))] };
    expect(orderOf(old, { name: 'new', day: 2, rules: [to('long', path('/long'))] })).toEqual(['long', 'short']);
  });

  const virtual = (name: string, day: number): Written => ({
    kind: 'VirtualService',
    name,
    day,
    rules: [{ match: [{ uri: { prefix: `/${name}` } }], redirect: { authority: name } }],
  });

  it('of VirtualServices for one host the oldest comes first, then by name, each in its own order', () => {
    expect(orderOf(virtual('b', 2), virtual('a', 2), virtual('z', 1))).toEqual(['z', 'a', 'b']);
  });

  it('a VirtualService comes before HTTPRoutes, whatever their age', () => {
    const older = { name: 'older', day: 1, rules: [to('route', path('/exact', 'Exact'))] };
    expect(orderOf(older, virtual('istio', 2))).toEqual(['istio', 'route']);
  });

  it('a GRPCRoute of a port leaves nothing to HTTPRoutes', () => {
    const calls: Written = { kind: 'GRPCRoute', name: 'calls', day: 2, rules: [{}] };
    expect(orderOf({ name: 'older', day: 1, rules: [to('route')] }, calls)).toEqual([]);
  });
});
