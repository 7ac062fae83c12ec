import type { FetchContext } from '@weft/collections';
import type { DestinationRuleSpec } from '@weft/mesh-api';
import type { MeshModelConfig } from '../mesh-model-config.js';
import type { ServiceClaim } from '../service-claim.js';
import type { Readable, RouteSources } from './route-sources.js';
import type { WaypointGateway } from './waypoint-gateway.js';

/** Of the first namespace that has any: the waypoint's unless it is the root namespace, the service's, the root namespace. */
export function destinationRulesOf(
  fetch: FetchContext,
  routes: RouteSources,
  { rootNamespace }: MeshModelConfig,
  { waypoint, claim }: { readonly waypoint: Pick<WaypointGateway, 'namespace'>; readonly claim: ServiceClaim },
): readonly Readable<DestinationRuleSpec>[] {
  const all = routes.destinationRulesFor(fetch, claim.hostname);
  const namespaces = [
    ...(waypoint.namespace === rootNamespace ? [] : [waypoint.namespace]),
    claim.meta.namespace,
    rootNamespace,
  ];
  for (const namespace of namespaces) {
    const found = all.filter(({ meta }) => meta.namespace === namespace);
    if (found.length > 0) return found;
  }
  return [];
}
