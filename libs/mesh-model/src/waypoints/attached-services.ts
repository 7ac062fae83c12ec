import type { Collection, FetchContext, Graph } from '@weft/collections';
import type {
  AuthorizationPolicy,
  DestinationRuleSpec,
  RequestAuthenticationSpec,
  TelemetrySpec,
  VirtualServiceSpec,
} from '@weft/mesh-api';
import type { MeshModelConfig } from '../mesh-model-config.js';
import { addressKeyOf, serviceNameOf, type ClaimedAddress, type ServiceClaim } from '../service-claim.js';
import type { ServiceState } from '../service-collections.js';
import { destinationRulesOf } from './destination-rules.js';
import type { EnvoyPatches } from './envoy-patches.js';
import type { PolicyTargets } from './policy-targets.js';
import { destinationsOf, type RouteDestinations } from './route-destinations.js';
import { consumersOf, ofNamespaces, type Readable, type RoutesByKind, type RouteSources } from './route-sources.js';
import type { WaypointGateway } from './waypoint-gateway.js';

/** A service together with the waypoint that its traffic goes through, and all that is to be done there. */
export interface AttachedService extends RoutesByKind {
  /** `<waypoint>|<namespace>/<hostname>`. */
  readonly key: string;
  readonly waypoint: WaypointGateway;
  readonly claim: ServiceClaim;
  /** Those of its addresses that no other service holds. */
  readonly addresses: readonly ClaimedAddress[];
  /** Routes of other namespaces, which are for clients from there alone. */
  readonly consumers: Readonly<Record<string, RoutesByKind>>;
  readonly virtualServices: readonly Readable<VirtualServiceSpec>[];
  readonly destinationRules: readonly Readable<DestinationRuleSpec>[];
  readonly authorizationPolicies: readonly AuthorizationPolicy[];
  readonly requestAuthentications: readonly Readable<RequestAuthenticationSpec>[];
  /** The widest scope first. */
  readonly telemetries: readonly Readable<TelemetrySpec>[];
  readonly envoyPatches: readonly EnvoyPatches[];
  /** What the routes send requests to. */
  readonly destinations: RouteDestinations;
}

export interface AttachedServicesInputs {
  readonly graph: Graph;
  readonly config: MeshModelConfig;
  readonly services: Collection<ServiceState>;
  readonly routes: RouteSources;
  readonly policies: PolicyTargets;
}

export function attachedServices(inputs: AttachedServicesInputs): Collection<AttachedService> {
  const { graph, services, config, routes, policies } = inputs;
  const byHostname = graph.index('service states by hostname', services, ({ claim }) => [claim.hostname]);
  const build = ({ claim, lost, waypoint: binding }: ServiceState, fetch: FetchContext): readonly AttachedService[] => {
    if (binding?.kind !== 'bound') return [];
    const { waypoint } = binding;
    const { namespace, name } = claim.meta;
    const owners = new Set([waypoint.namespace, namespace]);
    const place = { waypoint, service: { kind: claim.kind, namespace, name } };
    const taken = new Set(lost.map((one) => one.lost));
    const allRoutes = routes.routesOf(fetch, `${claim.kind}/${namespace}/${name}`);
    const attachedRoutes = ofNamespaces(allRoutes, owners);
    const consumers = consumersOf(allRoutes, owners);
    const virtualServices = routes.withDelegates(
      fetch,
      routes.virtualServicesFor(fetch, claim.hostname).filter(({ meta }) => owners.has(meta.namespace)),
    );
    const lookup = { services, byHostname, routes, config, waypoint, claim };
    return [
      {
        key: `${waypoint.key}|${serviceNameOf(claim)}`,
        waypoint,
        claim,
        addresses: claim.addresses.filter((address) => !taken.has(addressKeyOf(address))),
        ...attachedRoutes,
        consumers,
        virtualServices,
        destinationRules: destinationRulesOf(fetch, routes, config, { waypoint, claim }),
        authorizationPolicies: policies.authorizationPoliciesOf(fetch, place),
        requestAuthentications: policies.requestAuthenticationsOf(fetch, place),
        telemetries: policies.telemetriesOf(fetch, place),
        envoyPatches: policies.envoyPatchesOf(fetch, place),
        destinations: destinationsOf(fetch, lookup, [attachedRoutes, ...Object.values(consumers)], virtualServices),
      },
    ];
  };
  return graph.deriveMany('attached services', services, build, { key: ({ key }) => key });
}
