import type { Collection, FetchContext, Graph } from '@weft/collections';
import type { DestinationRuleSpec, VirtualServiceSpec } from '@weft/mesh-api';
import type { MeshModelConfig } from '../mesh-model-config.js';
import { addressKeyOf, serviceNameOf, type ClaimedAddress, type ServiceClaim } from '../service-claim.js';
import type { ServiceState } from '../service-collections.js';
import { destinationRulesOf } from '../waypoints/destination-rules.js';
import { destinationsOf, type RouteDestinations } from '../waypoints/route-destinations.js';
import { ofNamespaces, type Readable, type RoutesByKind, type RouteSources } from '../waypoints/route-sources.js';

/** A service as clients that route by themselves see it. */
export interface ServiceView extends RoutesByKind {
  /** `<client namespace>|<namespace>/<hostname>`. */
  readonly key: string;
  /** Empty: of every namespace that has no view of its own. */
  readonly clientNamespace: string;
  readonly claim: ServiceClaim;
  /** Those of its addresses that no other service holds. */
  readonly addresses: readonly ClaimedAddress[];
  /** Its traffic goes through a waypoint, which applies what is below: clients must not do it a second time. */
  readonly behindWaypoint: boolean;
  readonly virtualServices: readonly Readable<VirtualServiceSpec>[];
  readonly destinationRules: readonly Readable<DestinationRuleSpec>[];
  /** What the routes send requests to. */
  readonly destinations: RouteDestinations;
}

export interface ServiceViewInputs {
  readonly graph: Graph;
  readonly config: MeshModelConfig;
  readonly services: Collection<ServiceState>;
  readonly routes: RouteSources;
}

/**
 * What a service's own namespace says of it holds for all clients, what another namespace says for the clients there.
 * Nothing is derived before `wanted` has an entry: most meshes have no such clients.
 */
export function serviceViews(inputs: ServiceViewInputs, wanted: Collection<unknown>): Collection<ServiceView> {
  const { graph, config, services, routes } = inputs;
  const byHostname = graph.index('services of views by hostname', services, ({ claim }) => [claim.hostname]);
  return graph.deriveMany(
    'service views',
    services,
    (state, fetch) => {
      if (fetch.all(wanted).length === 0) return [];
      const rules = rulesOf(state, fetch, routes);
      const { namespace } = state.claim.meta;
      const others = new Set(
        [...rules.routes.httpRoutes, ...rules.routes.grpcRoutes, ...rules.virtualServices, ...rules.destinationRules]
          .map(({ meta }) => meta.namespace)
          .filter((one) => one !== namespace && one !== config.rootNamespace),
      );
      const seenFrom = (clientNamespace: string): ServiceView =>
        viewOf(state, rules, { clientNamespace, fetch, inputs, byHostname });
      return [seenFrom(''), ...[...others].sort().map(seenFrom)];
    },
    { key: ({ key }) => key },
  );
}

/** Of every namespace. */
interface Rules extends Pick<ServiceView, 'virtualServices' | 'destinationRules'> {
  readonly routes: RoutesByKind;
}

function rulesOf({ claim }: ServiceState, fetch: FetchContext, routes: RouteSources): Rules {
  const { namespace, name } = claim.meta;
  return {
    routes: routes.routesOf(fetch, `${claim.kind}/${namespace}/${name}`),
    virtualServices: routes.virtualServicesFor(fetch, claim.hostname),
    destinationRules: routes.destinationRulesFor(fetch, claim.hostname),
  };
}

interface ViewPlace {
  readonly clientNamespace: string;
  readonly fetch: FetchContext;
  readonly inputs: ServiceViewInputs;
  readonly byHostname: Parameters<typeof destinationsOf>[1]['byHostname'];
}

function viewOf(
  { claim, lost, waypoint: binding }: ServiceState,
  rules: Rules,
  { clientNamespace, fetch, inputs, byHostname }: ViewPlace,
): ServiceView {
  const { services, routes, config } = inputs;
  const owners = new Set([clientNamespace, claim.meta.namespace]);
  const taken = new Set(lost.map((one) => one.lost));
  const viewer = { key: '', namespace: clientNamespace };
  const own = ofNamespaces(rules.routes, owners);
  const virtualServices = routes.withDelegates(
    fetch,
    rules.virtualServices.filter(({ meta }) => owners.has(meta.namespace)),
  );
  return {
    key: `${clientNamespace}|${serviceNameOf(claim)}`,
    clientNamespace,
    claim,
    addresses: claim.addresses.filter((address) => !taken.has(addressKeyOf(address))),
    behindWaypoint: binding?.kind === 'bound',
    ...own,
    virtualServices,
    destinationRules: destinationRulesOf(fetch, routes, config, { waypoint: viewer, claim }),
    destinations: destinationsOf(
      fetch,
      { services, byHostname, routes, config, waypoint: viewer, claim },
      [own],
      virtualServices,
    ),
  };
}
