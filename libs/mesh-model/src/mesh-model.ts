import { Graph, type Collection, type FetchContext, type GraphFault } from '@weft/collections';
import type { XdsResource } from '@weft/xds';
import type { Authorization } from '@weft/xds/gen/mesh/security/authorization.js';
import type { Workload } from '@weft/xds/gen/mesh/workload/workload.js';
import { addressNeeds, type AddressNeed } from './addresses/address-needs.js';
import { automaticRangesOf, type MeshModelConfig } from './mesh-model-config.js';
import { serviceViews, type ServiceView } from './clients/service-views.js';
import { backendTlsPolicies, type BackendTlsPolicies } from './gateways/backend-tls.js';
import { backendTlsStatuses, type BackendTlsStatus } from './gateways/backend-tls-status.js';
import type { IngressGateway } from './gateways/ingress-gateway.js';
import { ingressGateways } from './gateways/ingress-gateways.js';
import { listenerSets } from './gateways/listener-sets.js';
import { ingressWaypoints, type IngressWaypoints } from './gateways/ingress-waypoints.js';
import { meshSources, type MeshSources } from './mesh-sources.js';
import { policyCollections, type PolicyState } from './policy-collections.js';
import { statusCollection, type ResourceStatus } from './resource-status.js';
import type { RouteStatus } from './routes/route-status.js';
import { routeStatuses } from './routes/route-statuses.js';
import type { ServiceClaim } from './service-claim.js';
import { serviceCollections, type ServiceState } from './service-collections.js';
import { serviceMembers, type ServiceMembers } from './service-members.js';
import { surroundingsCollections } from './surroundings-collections.js';
import { workloadCollections } from './workload-collections.js';
import { attachedServices, type AttachedService } from './waypoints/attached-services.js';
import { attachedWorkloads, type AttachedWorkloads } from './waypoints/attached-workloads.js';
import { destinationRulesOf } from './waypoints/destination-rules.js';
import type { EnvoyPatches } from './waypoints/envoy-patches.js';
import { policyTargets } from './waypoints/policy-targets.js';
import { proxyPlaces, type ProxyPlaces } from './waypoints/proxy-places.js';
import { routeSources } from './waypoints/route-sources.js';
import { waypointBindings } from './waypoints/waypoint-bindings.js';
import type { WaypointGateway } from './waypoints/waypoint-gateway.js';
import { waypointStatuses, type WaypointStatus } from './waypoints/waypoint-status.js';
import { addressResources, authorizationResources } from './xds-resources.js';

/**
 * The mesh as its proxies have to know it, derived from what Kubernetes holds. Write `sources`, inside `graph.batch` when several
 * changes belong together; subscribe to the rest. Recomputes only what a change touches.
 */
export class MeshModel {
  readonly graph: Graph;
  readonly sources: MeshSources;
  readonly workloads: Collection<Workload>;
  readonly services: Collection<ServiceState>;
  readonly authorizationPolicies: Collection<PolicyState>;
  readonly authorizations: Collection<Authorization>;
  readonly statuses: Collection<ResourceStatus>;
  readonly routeStatuses: Collection<RouteStatus>;
  readonly waypointStatuses: Collection<WaypointStatus>;
  readonly backendTlsStatuses: Collection<BackendTlsStatus>;
  /** Gateways of class `istio-waypoint`, by `<namespace>/<name>`. */
  readonly waypoints: Collection<WaypointGateway>;
  /** What goes through waypoints, by `<waypoint>|<namespace>/<hostname>`. */
  readonly attachedServices: Collection<AttachedService>;
  /** What its owner says of a service, for a waypoint or gateway that sends to it. */
  readonly destinationRulesAt: (
    fetch: FetchContext,
    place: { readonly waypoint: Pick<WaypointGateway, 'namespace'>; readonly claim: ServiceClaim },
  ) => AttachedService['destinationRules'];
  /** Patches for all that goes through a waypoint, in the order in which they are applied. */
  readonly envoyPatchesAt: (fetch: FetchContext, waypoint: WaypointGateway) => readonly EnvoyPatches[];
  /** By `<waypoint>`. */
  readonly attachedWorkloads: Collection<AttachedWorkloads>;
  /** Gateways at the edge, by `<namespace>/<name>`. */
  readonly ingressGateways: Collection<IngressGateway>;
  readonly ingressWaypoints: IngressWaypoints;
  /** What BackendTLSPolicies say of connections to a service. */
  readonly backendTlsOf: BackendTlsPolicies['of'];
  /** For clients that route by themselves; empty while there are none. */
  readonly serviceViews: Collection<ServiceView>;
  readonly membersOf: ServiceMembers;
  /** Where proxies of a waypoint or gateway run. */
  readonly proxyPlacesOf: ProxyPlaces;
  /** Which ServiceEntries need addresses of the mesh, and which are not to be given. */
  readonly addressNeeds: Collection<AddressNeed>;
  /** `istio.workload.Address`, encoded. */
  readonly addressResources: Collection<XdsResource>;
  /** `istio.security.Authorization`, encoded. */
  readonly authorizationResources: Collection<XdsResource>;

  constructor(
    readonly config: MeshModelConfig,
    onFault: (fault: GraphFault) => void,
  ) {
    const graph = new Graph(onFault);
    const sources = meshSources(graph);
    const surroundings = surroundingsCollections(graph, sources, config);
    const bindings = waypointBindings(graph, sources, surroundings, config.clusterDomain);
    const services = serviceCollections(graph, sources, surroundings, bindings, config);
    this.addressNeeds = addressNeeds(graph, services, automaticRangesOf(config));
    const policies = policyCollections(graph, sources, config);
    const workloads = workloadCollections({ graph, sources, config, surroundings, services, policies, bindings });
    this.graph = graph;
    this.sources = sources;
    this.workloads = workloads.workloads;
    this.services = services.services;
    this.authorizationPolicies = policies.authorizationPolicies;
    this.authorizations = policies.authorizations;
    this.waypoints = bindings.waypoints;
    const routes = routeSources(graph, sources, config);
    this.envoyPatchesAt = (fetch, waypoint) => targets.envoyPatchesOf(fetch, { waypoint, service: null });
    this.destinationRulesAt = (fetch, place) => destinationRulesOf(fetch, routes, config, place);
    const targets = policyTargets(graph, sources, policies, config);
    this.attachedServices = attachedServices({
      graph,
      config,
      services: services.services,
      routes,
      policies: targets,
    });
    const sets = listenerSets(graph, sources, (fetch, namespace) => surroundings.labelsOf(fetch, namespace));
    this.ingressGateways = ingressGateways({
      listenerSets: sets,
      graph,
      sources,
      config,
      surroundings,
      services: services.services,
      routes,
      policies: targets,
    });
    this.serviceViews = serviceViews(
      { graph, config, services: services.services, routes },
      sources.proxylessNamespaces,
    );
    this.membersOf = serviceMembers({
      graph,
      sources,
      config,
      workloads: workloads.workloads,
      workloadEntries: workloads.workloadEntries,
      serviceEntries: services.parsedEntries,
    });
    this.ingressWaypoints = ingressWaypoints({
      services: services.services,
      surroundings,
      membersOf: this.membersOf,
    });
    this.proxyPlacesOf = proxyPlaces(graph, sources, workloads.workloads, config);
    this.attachedWorkloads = attachedWorkloads(graph, bindings.waypoints, workloads.workloads, targets);
    this.statuses = statusCollection(graph, services, policies, workloads, sources, this.ingressGateways);
    this.routeStatuses = routeStatuses(graph, sources, sets);
    this.waypointStatuses = waypointStatuses(graph, sources, bindings);
    const backendTls = backendTlsPolicies(graph, sources);
    this.backendTlsOf = backendTls.of;
    this.backendTlsStatuses = backendTlsStatuses(graph, backendTls, this);
    this.addressResources = addressResources(graph, workloads.workloads, services.services);
    this.authorizationResources = authorizationResources(graph, policies.authorizations);
  }
}
