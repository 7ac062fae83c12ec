import type { Collection, CollectionIndex, FetchContext, Graph } from '@weft/collections';
import {
  compareByAge,
  DESTINATION_RULES,
  HTTP_ROUTES,
  REFERENCE_GRANTS,
  VIRTUAL_SERVICES,
  type DestinationRuleSpec,
  type HttpRouteSpec,
  type ObjectMeta,
  type ParentReference,
  type ReferenceGrantSpec,
  type VirtualServiceSpec,
} from '@weft/mesh-api';
import type { MeshModelConfig } from '../mesh-model-config.js';
import type { MeshSources } from '../mesh-sources.js';
import { hostPatterns, qualifiedHost } from './host-names.js';

/** A resource of which something can be used. */
export interface Readable<S> {
  readonly meta: ObjectMeta;
  readonly spec: S;
}

export interface RouteSources {
  /** HTTPRoutes attached to a Service or ServiceEntry, `<kind>/<namespace>/<name>`; the oldest first. */
  httpRoutesOf(fetch: FetchContext, parent: string): readonly Readable<HttpRouteSpec>[];
  /** VirtualServices for clients in the mesh that name the host, literally or by wildcard; the oldest first. */
  virtualServicesFor(fetch: FetchContext, hostname: string): readonly Readable<VirtualServiceSpec>[];
  /** DestinationRules for the host, the most specific first, then the oldest. */
  destinationRulesFor(fetch: FetchContext, hostname: string): readonly Readable<DestinationRuleSpec>[];
  /** Of the namespace. */
  grantsIn(fetch: FetchContext, namespace: string): readonly Readable<ReferenceGrantSpec>[];
}

const MESH_GATEWAY = 'mesh';

export function routeSources(graph: Graph, sources: MeshSources, config: MeshModelConfig): RouteSources {
  const parsed = <S>(name: string, input: Collection<unknown>, parse: Parse<S>): Collection<Readable<S>> =>
    graph.derive(name, input, (object) => {
      const { meta, spec } = parse(object);
      return spec === null ? undefined : { meta, spec };
    });
  const httpRoutes = parsed('parsed HTTP routes', sources.httpRoutes, (object) => HTTP_ROUTES.parse(object));
  const byParent = graph.index('HTTP routes by parent', httpRoutes, ({ meta, spec }) => [
    ...new Set(spec.parentRefs.flatMap((ref) => serviceParent(ref, meta.namespace) ?? [])),
  ]);
  const virtualServices = parsed('parsed virtual services', sources.virtualServices, (object) =>
    VIRTUAL_SERVICES.parse(object),
  );
  const byHost = graph.index('virtual services by host', virtualServices, ({ meta, spec }) =>
    spec.gateways.includes(MESH_GATEWAY)
      ? [...new Set(spec.hosts.map((host) => qualifiedHost(host, meta.namespace, config.clusterDomain)))]
      : [],
  );
  const rules = parsed('parsed destination rules', sources.destinationRules, (object) =>
    DESTINATION_RULES.parse(object),
  );
  const rulesByHost = graph.index('destination rules by host', rules, ({ meta, spec }) =>
    spec.workloadSelector === undefined ? [qualifiedHost(spec.host, meta.namespace, config.clusterDomain)] : [],
  );
  const grants = parsed('parsed reference grants', sources.referenceGrants, (object) => REFERENCE_GRANTS.parse(object));
  const grantsByNamespace = graph.index('reference grants by namespace', grants, ({ meta }) => [meta.namespace]);
  return {
    httpRoutesOf: (fetch, parent) => byAge(fetch.lookup(byParent, parent)),
    virtualServicesFor: (fetch, hostname) =>
      byAge(unique(hostPatterns(hostname).flatMap((host) => fetch.lookup(byHost, host)))),
    destinationRulesFor: (fetch, hostname) =>
      hostPatterns(hostname).flatMap((host) => byAge(fetch.lookup(rulesByHost, host))),
    grantsIn: (fetch, namespace) => lookupAll(fetch, grantsByNamespace, namespace),
  };
}

type Parse<S> = (object: unknown) => { readonly meta: ObjectMeta; readonly spec: S | null };

const lookupAll = <T>(fetch: FetchContext, index: CollectionIndex<T>, key: string): readonly T[] =>
  fetch.lookup(index, key);
const byAge = <T extends Readable<unknown>>(items: readonly T[]): readonly T[] =>
  [...items].sort((a, b) => compareByAge(a.meta, b.meta));
const unique = <T>(items: readonly T[]): readonly T[] => [...new Set(items)];

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
