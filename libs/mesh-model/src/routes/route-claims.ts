import type { Collection, FetchContext, Graph } from '@weft/collections';
import type { ServicePortClaim, ServiceRouteKind } from '@weft/gateway-api';
import { GRPC_ROUTES, HTTP_ROUTES, TLS_ROUTES, type MeshKind, type ParentReference } from '@weft/mesh-api';
import type { MeshSources } from '../mesh-sources.js';
import { serviceParent } from '../waypoints/route-sources.js';

export type RouteClaims = (fetch: FetchContext, service: string) => readonly ServicePortClaim[];

interface HasParents {
  readonly parentRefs: readonly ParentReference[];
}

/** What routes claim of a service, `<kind>/<namespace>/<name>`: the kinds that others can be behind. */
export function routeClaims(graph: Graph, sources: MeshSources): RouteClaims {
  const of = <S extends HasParents>(kind: MeshKind<S>, source: Collection<unknown>) => {
    const parents = graph.derive(`parents of ${kind.plural}`, source, (object) => {
      const { meta, spec } = kind.parse(object);
      return (spec?.parentRefs ?? []).flatMap((ref) => {
        const service = serviceParent(ref, meta.namespace);
        return service === null ? [] : [{ service, port: ref.port }];
      });
    });
    const byService = graph.index(`parents of ${kind.plural} by service`, parents, (all) => [
      ...new Set(all.map(({ service }) => service)),
    ]);
    return (fetch: FetchContext, service: string): readonly ServicePortClaim[] =>
      fetch
        .lookup(byService, service)
        .flat()
        .filter((one) => one.service === service)
        .map(({ port }) => ({ kind: kind.kind as ServiceRouteKind, port }));
  };
  const kinds = [
    of(GRPC_ROUTES, sources.grpcRoutes),
    of(HTTP_ROUTES, sources.httpRoutes),
    of(TLS_ROUTES, sources.tlsRoutes),
  ];
  return (fetch, service) => kinds.flatMap((one) => one(fetch, service));
}
