import type { Collection, CollectionIndex, FetchContext } from '@weft/collections';
import {
  GATEWAY_API_GROUP,
  type DestinationRuleSpec,
  type HttpRouteSpec,
  type ObjectMeta,
  type VirtualServiceSpec,
} from '@weft/mesh-api';
import type { MeshModelConfig } from '../mesh-model-config.js';
import type { ServiceClaim } from '../service-claim.js';
import type { ServiceState } from '../service-collections.js';
import { qualifiedHost } from './host-names.js';
import { destinationRulesOf } from './destination-rules.js';
import type { Readable, RouteSources } from './route-sources.js';
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

/** By `backendKey` and by qualified host. */
export type RouteDestinations = Readonly<Record<string, RouteDestination>>;

interface BackendLike {
  readonly group: string;
  readonly kind: string;
  readonly namespace?: string | undefined;
  readonly name: string;
}

/** How a destination of an HTTPRoute in a namespace is found in `RouteDestinations`. */
export const backendKey = ({ group, kind, namespace, name }: BackendLike, routeNamespace: string): string =>
  `${routeNamespace} ${group}/${kind}/${namespace ?? routeNamespace}/${name}`;

export interface DestinationLookup {
  readonly services: Collection<ServiceState>;
  readonly byHostname: CollectionIndex<ServiceState>;
  readonly routes: RouteSources;
  readonly config: MeshModelConfig;
  readonly waypoint: WaypointGateway;
}

export function destinationsOf(
  fetch: FetchContext,
  lookup: DestinationLookup,
  httpRoutes: readonly Readable<HttpRouteSpec>[],
  virtualServices: readonly Readable<VirtualServiceSpec>[],
): RouteDestinations {
  const found: Record<string, RouteDestination> = {};
  for (const { meta, spec } of httpRoutes) {
    for (const ref of backendsOf(spec)) found[backendKey(ref, meta.namespace)] ??= backend(fetch, lookup, ref, meta);
  }
  for (const { meta, spec } of virtualServices) {
    for (const host of hostsOf(spec)) {
      const qualified = qualifiedHost(host, meta.namespace, lookup.config.clusterDomain);
      found[qualified] ??= byHostname(fetch, lookup, qualified, meta.namespace);
    }
  }
  return found;
}

function backendsOf({ rules }: HttpRouteSpec): readonly BackendLike[] {
  return rules.flatMap(({ backendRefs, filters }) => [
    ...backendRefs,
    ...[...filters, ...backendRefs.flatMap((ref) => ref.filters)].flatMap(
      ({ requestMirror }) => requestMirror?.backendRef ?? [],
    ),
  ]);
}

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

function backend(
  fetch: FetchContext,
  lookup: DestinationLookup,
  ref: BackendLike,
  { namespace }: ObjectMeta,
): RouteDestination {
  const { group, kind, name } = ref;
  const target = ref.namespace ?? namespace;
  if (group === 'networking.istio.io' && kind === 'Hostname') return byHostname(fetch, lookup, name, namespace);
  if ((group !== '' && group !== 'core') || kind !== 'Service') return { kind: 'none', reason: 'InvalidKind' };
  if (target !== namespace && !isGranted(fetch, lookup.routes, { from: namespace, to: target, name }))
    return { kind: 'none', reason: 'RefNotPermitted' };
  const hostname = `${name}.${target}.svc.${lookup.config.clusterDomain}`;
  return destination(fetch, fetch.get(lookup.services, `${target}/${hostname}`), lookup);
}

function isGranted(
  fetch: FetchContext,
  routes: RouteSources,
  { from, to, name }: { readonly from: string; readonly to: string; readonly name: string },
): boolean {
  return routes
    .grantsIn(fetch, to)
    .some(
      ({ spec }) =>
        spec.from.some(
          (one) => one.group === GATEWAY_API_GROUP && one.kind === 'HTTPRoute' && one.namespace === from,
        ) &&
        spec.to.some(
          (one) =>
            (one.group === '' || one.group === 'core') &&
            one.kind === 'Service' &&
            (one.name === undefined || one.name === '' || one.name === name),
        ),
    );
}

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

function destination(
  fetch: FetchContext,
  state: ServiceState | undefined,
  { routes, config, waypoint }: DestinationLookup,
): RouteDestination {
  if (state === undefined) return { kind: 'none', reason: 'BackendNotFound' };
  const { claim, waypoint: own } = state;
  return {
    kind: 'service',
    claim,
    attached: own?.kind === 'bound' && own.waypoint.key === waypoint.key,
    destinationRules: destinationRulesOf(fetch, routes, config, { waypoint, claim }),
  };
}
