import type { Collection, CollectionIndex, FetchContext, Graph } from '@weft/collections';
import {
  compareByAge,
  DESTINATION_RULES,
  GATEWAY_API_GROUP,
  GRPC_ROUTES,
  HTTP_ROUTES,
  REFERENCE_GRANTS,
  TCP_ROUTES,
  TLS_ROUTES,
  VIRTUAL_SERVICES,
  type DestinationRuleSpec,
  type GrpcRouteSpec,
  type HttpRouteSpec,
  type ObjectMeta,
  type ParentReference,
  type ReferenceGrantSpec,
  type TcpRouteSpec,
  type TlsRouteSpec,
  type VirtualServiceSpec,
} from '@weft/mesh-api';
import type { MeshModelConfig } from '../mesh-model-config.js';
import type { MeshSources } from '../mesh-sources.js';
import { withDelegates } from './delegated-routes.js';
import { hostPatterns, qualifiedHost } from './host-names.js';

/** A resource of which something can be used. */
export interface Readable<S> {
  readonly meta: ObjectMeta;
  readonly spec: S;
}

/** Routes of the Gateway API. */
export interface RoutesByKind {
  readonly httpRoutes: readonly Readable<HttpRouteSpec>[];
  readonly grpcRoutes: readonly Readable<GrpcRouteSpec>[];
  readonly tlsRoutes: readonly Readable<TlsRouteSpec>[];
  readonly tcpRoutes: readonly Readable<TcpRouteSpec>[];
}

export interface RouteSources {
  /** That name a Service, ServiceEntry or Gateway as parent, `<kind>/<namespace>/<name>`; the oldest first. */
  routesOf(fetch: FetchContext, parent: string): RoutesByKind;
  /** VirtualServices for clients in the mesh that name the host, literally or by wildcard; the oldest first. */
  virtualServicesFor(fetch: FetchContext, hostname: string): readonly Readable<VirtualServiceSpec>[];
  /** VirtualServices for the Gateway of Istio's own kind, `<namespace>/<name>`; the oldest first. */
  virtualServicesAt(fetch: FetchContext, gateway: string): readonly Readable<VirtualServiceSpec>[];
  /** With the routes that they leave to others in their places. */
  withDelegates(
    fetch: FetchContext,
    services: readonly Readable<VirtualServiceSpec>[],
  ): readonly Readable<VirtualServiceSpec>[];
  /** DestinationRules for the host, the most specific first, then the oldest. */
  destinationRulesFor(fetch: FetchContext, hostname: string): readonly Readable<DestinationRuleSpec>[];
  /** Of the namespace. */
  grantsIn(fetch: FetchContext, namespace: string): readonly Readable<ReferenceGrantSpec>[];
}

const MESH_GATEWAY = 'mesh';

/** `<namespace>/<name>` of a gateway as a VirtualService of this namespace names it; `mesh` stays. Also the old form `name.namespace`. */
export function gatewayKey(name: string, namespace: string): string {
  if (name === MESH_GATEWAY || name.includes('/')) return name;
  const [short = '', old] = name.split('.');
  return `${old ?? namespace}/${short}`;
}

export function routeSources(graph: Graph, sources: MeshSources, config: MeshModelConfig): RouteSources {
  const parsed = <S>(name: string, input: Collection<unknown>, parse: Parse<S>): Collection<Readable<S>> =>
    graph.derive(name, input, (object) => {
      const { meta, spec } = parse(object);
      return spec === null ? undefined : { meta, spec };
    });
  const byParent = <S extends HasParents>(name: string, input: Collection<unknown>, parse: Parse<S>) =>
    graph.index(
      `${name} by parent`,
      parsed(`parsed ${name}`, input, parse),
      ({ meta, spec }) => [
        ...new Set(
          spec.parentRefs.flatMap(
            (ref) => serviceParent(ref, meta.namespace) ?? gatewayParent(ref, meta.namespace) ?? [],
          ),
        ),
      ],
      olderFirst,
    );
  const httpRoutes = byParent('HTTP routes', sources.httpRoutes, (object) => HTTP_ROUTES.parse(object));
  const grpcRoutes = byParent('gRPC routes', sources.grpcRoutes, (object) => GRPC_ROUTES.parse(object));
  const tlsRoutes = byParent('TLS routes', sources.tlsRoutes, (object) => TLS_ROUTES.parse(object));
  const tcpRoutes = byParent('TCP routes', sources.tcpRoutes, (object) => TCP_ROUTES.parse(object));
  const virtualServices = parsed('parsed virtual services', sources.virtualServices, (object) =>
    VIRTUAL_SERVICES.parse(object),
  );
  const byHost = graph.index('virtual services by host', virtualServices, ({ meta, spec }) =>
    spec.gateways.includes(MESH_GATEWAY)
      ? [...new Set(spec.hosts.map((host) => qualifiedHost(host, meta.namespace, config.clusterDomain)))]
      : [],
  );
  const byGateway = graph.index('virtual services by gateway', virtualServices, ({ meta, spec }) => [
    ...new Set(spec.gateways.map((name) => gatewayKey(name, meta.namespace))),
  ]);
  const rules = parsed('parsed destination rules', sources.destinationRules, (object) =>
    DESTINATION_RULES.parse(object),
  );
  const rulesByHost = graph.index('destination rules by host', rules, ({ meta, spec }) =>
    spec.workloadSelector === undefined ? [qualifiedHost(spec.host, meta.namespace, config.clusterDomain)] : [],
  );
  const grants = parsed('parsed reference grants', sources.referenceGrants, (object) => REFERENCE_GRANTS.parse(object));
  const grantsByNamespace = graph.index('reference grants by namespace', grants, ({ meta }) => [meta.namespace]);
  return {
    routesOf: (fetch, parent) => ({
      httpRoutes: fetch.lookup(httpRoutes, parent),
      grpcRoutes: fetch.lookup(grpcRoutes, parent),
      tlsRoutes: fetch.lookup(tlsRoutes, parent),
      tcpRoutes: fetch.lookup(tcpRoutes, parent),
    }),
    virtualServicesFor: (fetch, hostname) =>
      byAge(unique(hostPatterns(hostname).flatMap((host) => fetch.lookup(byHost, host)))),
    virtualServicesAt: (fetch, gateway) => byAge(fetch.lookup(byGateway, gateway)),
    withDelegates: (fetch, services) =>
      services.flatMap((one) =>
        withDelegates(one, (namespace, name) => fetch.get(virtualServices, `${namespace}/${name}`)),
      ),
    destinationRulesFor: (fetch, hostname) =>
      hostPatterns(hostname).flatMap((host) => byAge(fetch.lookup(rulesByHost, host))),
    grantsIn: (fetch, namespace) => lookupAll(fetch, grantsByNamespace, namespace),
  };
}

/** Those that stand in one of the namespaces. */
export function ofNamespaces(routes: RoutesByKind, namespaces: ReadonlySet<string>): RoutesByKind {
  const own = <S>(some: readonly Readable<S>[]): readonly Readable<S>[] =>
    some.filter(({ meta }) => namespaces.has(meta.namespace));
  return {
    httpRoutes: own(routes.httpRoutes),
    grpcRoutes: own(routes.grpcRoutes),
    tlsRoutes: own(routes.tlsRoutes),
    tcpRoutes: own(routes.tcpRoutes),
  };
}

/**
 * Routes of requests by namespace, but for those namespaces. Connections are not told apart by who opens them.
 *
 * @see Gateway API, GEP-1294, "Consumer routes"
 */
export function consumersOf(routes: RoutesByKind, owners: ReadonlySet<string>): Readonly<Record<string, RoutesByKind>> {
  const namespaces = [...routes.httpRoutes, ...routes.grpcRoutes].map(({ meta }) => meta.namespace);
  return Object.fromEntries(
    [...new Set(namespaces)]
      .filter((one) => !owners.has(one))
      .sort()
      .map((one) => [one, { ...ofNamespaces(routes, new Set([one])), tlsRoutes: [], tcpRoutes: [] }]),
  );
}

interface HasParents {
  readonly parentRefs: readonly ParentReference[];
}
type Parse<S> = (object: unknown) => { readonly meta: ObjectMeta; readonly spec: S | null };

const lookupAll = <T>(fetch: FetchContext, index: CollectionIndex<T>, key: string): readonly T[] =>
  fetch.lookup(index, key);
const olderFirst = (a: Readable<unknown>, b: Readable<unknown>): number => compareByAge(a.meta, b.meta);
const byAge = <T extends Readable<unknown>>(items: readonly T[]): readonly T[] => [...items].sort(olderFirst);
const unique = <T>(items: readonly T[]): readonly T[] => [...new Set(items)];

/** Key of the Gateway or ListenerSet that a route of this namespace names as a parent; null if it names something else. */
export function gatewayParent(
  { group, kind, namespace, name }: ParentReference,
  routeNamespace: string,
): string | null {
  const known = (kind === 'Gateway' || kind === 'ListenerSet') && group === GATEWAY_API_GROUP;
  return known ? `${kind}/${namespace ?? routeNamespace}/${name}` : null;
}

/** Key of the service that a route of this namespace is attached to; null for a Gateway. */
export function serviceParent(
  { group, kind, namespace, name }: ParentReference,
  routeNamespace: string,
): string | null {
  const known =
    (kind === 'Service' && (group === '' || group === 'core')) ||
    (kind === 'ServiceEntry' && group === 'networking.istio.io');
  return known ? `${kind}/${namespace ?? routeNamespace}/${name}` : null;
}
