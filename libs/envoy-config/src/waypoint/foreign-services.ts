import type { Collection, FetchContext } from '@weft/collections';
import { serviceNameOf, type MeshModel, type ServiceClaim } from '@weft/mesh-model';
import type { ForeignService } from '../services/foreign-service.js';

/** What routes of waypoints send to and their filters ask, each once for each waypoint. */
export function foreignServices(
  { graph, attachedServices, waypoints, destinationRulesAt }: MeshModel,
  providersFor: (fetch: FetchContext) => readonly ServiceClaim[],
): Collection<ForeignService> {
  const identity = { key: ({ from, key: to }: ForeignService & { readonly from: string }) => `${from} ${to}` };
  const referred = graph.deriveMany(
    'references to other services',
    attachedServices,
    ({ key: from, waypoint, destinations }) =>
      Object.values(destinations).flatMap((one) =>
        one.kind === 'service' && !one.attached
          ? [{ from, ...foreignService(waypoint.key, one.claim, one.destinationRules) }]
          : [],
      ),
    identity,
  );
  const asked = graph.deriveMany(
    'services of providers',
    waypoints,
    (waypoint, fetch) =>
      providersFor(fetch).map((claim) => ({
        from: 'providers',
        ...foreignService(waypoint.key, claim, destinationRulesAt(fetch, { waypoint, claim })),
      })),
    identity,
  );
  const users = graph.union('users of other services', [referred, asked]);
  const grouped = graph.group('other services', users, ({ key: to }) => [to]);
  return graph.derive('foreign services', grouped, ({ members }) => {
    const { key, gateway, claim, rules } = members[0]!;
    return { key, gateway, claim, rules };
  });
}

const foreignService = (gateway: string, claim: ServiceClaim, rules: ForeignService['rules']): ForeignService => ({
  key: `${gateway}|${serviceNameOf(claim)}`,
  gateway,
  claim,
  rules,
});
