import type { Collection, FetchContext, Graph } from '@weft/collections';
import type { ServicePortClaim, ServiceRouteKind } from '@weft/gateway-api';
import { GRPC_ROUTES, HTTP_ROUTES, TLS_ROUTES, type MeshKind, type ParentReference } from '@weft/mesh-api';
import type { MeshSources } from '../mesh-sources.js';
import { serviceParent } from '../waypoints/route-sources.js';

export type RouteClaims = (fetch: FetchContext, service: string) => readonly ServicePortClaim[];

interface HasParents {
  readonly parentRefs: readonly ParentReference[];
}

/**
 * What routes claim of a service, `<kind>/<namespace>/<name>`: the kinds that others can be behind. Each claim once, however
 * many routes make it: what depends on it is not derived again for one route more.
 */
export function routeClaims(graph: Graph, sources: MeshSources): RouteClaims {
  const of = <S extends HasParents>(kind: MeshKind<S>, source: Collection<unknown>) => {
    const parents = graph.deriveMany(
      `parents of ${kind.plural}`,
      source,
      (object, _fetch, key) => {
        const { meta, spec } = kind.parse(object);
        return (spec?.parentRefs ?? []).flatMap((ref, i) => {
          const service = serviceParent(ref, meta.namespace);
          return service === null ? [] : [{ key: `${key} ${i}`, service, port: ref.port }];
        });
      },
      { key: ({ key }) => key },
    );
    const byService = graph.group(`parents of ${kind.plural} by service`, parents, ({ service }) => [service]);
    const claims = graph.derive(`ports claimed by ${kind.plural}`, byService, ({ members }) =>
      [...new Set(members.map(({ port }) => port))].sort(compareNumbers),
    );
    return (fetch: FetchContext, service: string): readonly ServicePortClaim[] =>
      (fetch.get(claims, service) ?? []).map((port) => ({ kind: kind.kind as ServiceRouteKind, port }));
  };
  const kinds = [
    of(GRPC_ROUTES, sources.grpcRoutes),
    of(HTTP_ROUTES, sources.httpRoutes),
    of(TLS_ROUTES, sources.tlsRoutes),
  ];
  return (fetch, service) => kinds.flatMap((one) => one(fetch, service));
}

/** No port is every port. */
const compareNumbers = (a = 0, b = 0): number => a - b;
