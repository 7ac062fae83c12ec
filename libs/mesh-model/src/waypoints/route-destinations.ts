import type { Collection, CollectionIndex, FetchContext } from '@weft/collections';
import { mayRefer, type ServiceRouteKind } from '@weft/gateway-api';
import { GATEWAY_API_GROUP, type DestinationRuleSpec, type VirtualServiceSpec } from '@weft/mesh-api';
import type { MeshModelConfig } from '../mesh-model-config.js';
import type { ServiceClaim } from '../service-claim.js';
import type { ServiceState } from '../service-collections.js';
import { qualifiedHost } from './host-names.js';
import { destinationRulesOf } from './destination-rules.js';
import type { Readable, RoutesByKind, RouteSources } from './route-sources.js';
import type { WaypointGateway } from './waypoint-gateway.js';

/** What a route's reference to a service turned out to be. */
export type RouteDestination =
  | {
      readonly kind: 'service';
      readonly claim: ServiceClaim;
      /** It has the same waypoint, so that the traffic does not have to leave it. */
      readonly attached: boolean;
      readonly destinationRules: readonly Readable<DestinationRuleSpec>[];
    }
  | { readonly kind: 'none'; readonly reason: 'BackendNotFound' | 'InvalidKind' | 'RefNotPermitted' };

/** The same objects each time: what is made of them need not be looked at again. */
const NONE = {
  BackendNotFound: { kind: 'none', reason: 'BackendNotFound' },
  InvalidKind: { kind: 'none', reason: 'InvalidKind' },
  RefNotPermitted: { kind: 'none', reason: 'RefNotPermitted' },
} as const satisfies Readonly<Record<string, RouteDestination>>;

/** By `backendKey` and by qualified host. */
export type RouteDestinations = Readonly<Record<string, RouteDestination>>;

const SERVICE = { group: '', kind: 'Service' };

interface BackendLike {
  readonly group: string;
  readonly kind: string;
  readonly namespace?: string | undefined;
  readonly name: string;
}

/** A route as ReferenceGrants see it. */
export interface Referring {
  readonly kind: ServiceRouteKind;
  readonly namespace: string;
}

/** How a destination of a route of the Gateway API is found in `RouteDestinations`. */
export const backendKey = ({ group, kind, namespace, name }: BackendLike, from: Referring): string =>
  `${from.kind} ${from.namespace} ${group}/${kind}/${namespace ?? from.namespace}/${name}`;

export interface DestinationLookup {
  readonly services: Collection<ServiceState>;
  readonly byHostname: CollectionIndex<ServiceState>;
  readonly routes: RouteSources;
  readonly config: MeshModelConfig;
  /** Where the routes are applied; clients that route by themselves are no waypoint, and have no key. */
  readonly waypoint: Pick<WaypointGateway, 'key' | 'namespace'>;
  /** The service that the routes are for; null for those of a gateway. */
  readonly claim: ServiceClaim | null;
}

export function destinationsOf(
  fetch: FetchContext,
  lookup: DestinationLookup,
  routes: readonly RoutesByKind[],
  virtualServices: readonly Readable<VirtualServiceSpec>[],
): RouteDestinations {
  const found: Record<string, RouteDestination> = {};
  const add = (kind: ServiceRouteKind) => (route: Referrer) => {
    const { from, keys, backends } = referencesOf(kind, route);
    keys.forEach((key, i) => (found[key] ??= backend(fetch, lookup, backends[i]!, from)));
  };
  for (const { httpRoutes, grpcRoutes, tlsRoutes, tcpRoutes } of routes) {
    httpRoutes.forEach(add('HTTPRoute'));
    grpcRoutes.forEach(add('GRPCRoute'));
    tlsRoutes.forEach(add('TLSRoute'));
    tcpRoutes.forEach(add('TCPRoute'));
  }
  for (const { meta, spec } of virtualServices) {
    for (const host of hostsOf(spec)) {
      const qualified = qualifiedHost(host, meta.namespace, lookup.config.clusterDomain);
      found[qualified] ??= byHostname(fetch, lookup, qualified, meta.namespace);
    }
  }
  return found;
}

interface Rule extends Filtering {
  readonly backendRefs: readonly (BackendLike & Filtering)[];
}
interface Filtering {
  readonly filters?: readonly { readonly requestMirror?: { readonly backendRef: BackendLike } | undefined }[];
}
/** A route of any kind; those of connections have no filters. */
type Referrer = Readable<{ readonly rules: readonly Rule[] }>;

interface References {
  readonly from: Referring;
  readonly keys: readonly string[];
  readonly backends: readonly BackendLike[];
}

/** By spec: of thousands of routes most are the same as the last time. */
const remembered = new WeakMap<object, References>();

function referencesOf(kind: ServiceRouteKind, { meta: { namespace }, spec }: Referrer): References {
  const last = remembered.get(spec);
  if (last?.from.namespace === namespace) return last;
  const from = { kind, namespace };
  const backends = spec.rules.flatMap(backendsOf);
  const references = { from, backends, keys: backends.map((ref) => backendKey(ref, from)) };
  remembered.set(spec, references);
  return references;
}

/** Where the destinations of a route stand in `RouteDestinations`. */
export const destinationKeys = (kind: ServiceRouteKind, route: Referrer): readonly string[] =>
  referencesOf(kind, route).keys;

const backendsOf = ({ backendRefs, filters = [] }: Rule): readonly BackendLike[] => [
  ...backendRefs,
  ...[...filters, ...backendRefs.flatMap((ref) => ref.filters ?? [])].flatMap(
    ({ requestMirror }) => requestMirror?.backendRef ?? [],
  ),
];

function hostsOf({ http, tcp, tls }: VirtualServiceSpec): readonly string[] {
  const of = (routes: readonly { readonly destination: { readonly host: string } }[]): readonly string[] =>
    routes.map(({ destination }) => destination.host);
  return [
    ...http.flatMap(({ route, mirror, mirrors }) => [
      ...of(route),
      ...(mirror === undefined ? [] : [mirror.host]),
      ...of(mirrors),
    ]),
    ...tcp.flatMap(({ route }) => of(route)),
    ...tls.flatMap(({ route }) => of(route)),
  ];
}

function backend(fetch: FetchContext, lookup: DestinationLookup, ref: BackendLike, from: Referring): RouteDestination {
  const { group, kind, name } = ref;
  const { namespace } = from;
  const target = ref.namespace ?? namespace;
  if (group === 'networking.istio.io' && kind === 'Hostname') return byHostname(fetch, lookup, name, namespace);
  if ((group !== '' && group !== 'core') || kind !== 'Service') return NONE.InvalidKind;
  const grants = lookup.routes.grantsIn(fetch, target);
  const allowed =
    (lookup.claim !== null && isSame(lookup.claim, { namespace: target, name })) ||
    mayRefer({ group: GATEWAY_API_GROUP, ...from }, { ...SERVICE, namespace: target, name }, grants);
  if (!allowed) return NONE.RefNotPermitted;
  const hostname = `${name}.${target}.svc.${lookup.config.clusterDomain}`;
  return destination(fetch, fetch.get(lookup.services, `${target}/${hostname}`), lookup);
}

/** What a route is for it may send on to, wherever that is: nothing is opened that was closed. */
const isSame = (
  { kind, meta }: ServiceClaim,
  { namespace, name }: { readonly namespace: string; readonly name: string },
): boolean => kind === 'Service' && meta.namespace === namespace && meta.name === name;

/** Of several services with that name the route's own namespace's, else the canonical one. */
function byHostname(
  fetch: FetchContext,
  lookup: DestinationLookup,
  hostname: string,
  namespace: string,
): RouteDestination {
  const candidates = fetch.lookup(lookup.byHostname, hostname);
  const own = candidates.find(({ claim }) => claim.meta.namespace === namespace);
  return destination(fetch, own ?? candidates.find(({ message }) => message.canonical), lookup);
}

/** Where it is, the client's own address or request says: of another service they say something else. */
const isFoundByClient = ({ resolution }: ServiceClaim): boolean =>
  resolution === 'NONE' || resolution === 'DYNAMIC_DNS';

function destination(
  fetch: FetchContext,
  state: ServiceState | undefined,
  { routes, config, waypoint, claim: from }: DestinationLookup,
): RouteDestination {
  if (state === undefined) return NONE.BackendNotFound;
  const { claim, waypoint: own } = state;
  if (isFoundByClient(claim) && claim !== from) return NONE.BackendNotFound;
  const attached = own?.kind === 'bound' && own.waypoint.key === waypoint.key;
  const destinationRules = destinationRulesOf(fetch, routes, config, { waypoint, claim });
  const last = knownDestinations.get(state);
  if (last?.attached === attached && areSame(last.destinationRules, destinationRules)) return last;
  const now = { kind: 'service' as const, claim, attached, destinationRules };
  knownDestinations.set(state, now);
  return now;
}

/** The same object as long as nothing changed: what is made of it need not be looked at again. */
const knownDestinations = new WeakMap<ServiceState, Extract<RouteDestination, { kind: 'service' }>>();

const areSame = <T>(a: readonly T[], b: readonly T[]): boolean =>
  a.length === b.length && a.every((one, i) => one === b[i]);
