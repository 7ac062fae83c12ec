export { AddressAllocator, type AddressChanges } from './addresses/address-allocator.js';
export { AUTOMATIC_RANGES } from './addresses/address-range.js';
export { type AddressNeed, type AddressRequest } from './addresses/address-needs.js';
export { type HostAddress } from './addresses/automatic-addresses.js';
export {
  type AttachedRoute,
  type IngressGateway,
  type IngressListener,
  type ListenerClients,
  type NamedCredential,
} from './gateways/ingress-gateway.js';
export { type BackendTls, type BackendTlsByPort } from './gateways/backend-tls.js';
export { type BackendTlsStatus, type PolicyAncestorStatus } from './gateways/backend-tls-status.js';
export { type BoundVirtualService, type IstioServer } from './gateways/istio-server.js';
export { type IngressWaypoint } from './gateways/ingress-waypoints.js';
export {
  type EndpointSliceObject,
  type NamespaceObject,
  type NodeObject,
  type PodObject,
  type ServiceObject,
} from './kube-objects.js';
export { MeshModel } from './mesh-model.js';
export { automaticRangesOf, type MeshModelConfig } from './mesh-model-config.js';
export { MESH_TRUST_KEY, type MeshSources } from './mesh-sources.js';
export { type PolicyState } from './policy-collections.js';
export {
  STATUS_KINDS,
  statusKey,
  type ResourceCondition,
  type ResourceStatus,
  type StatusKind,
} from './resource-status.js';
export { type ServiceState } from './service-collections.js';
export { serviceNameOf, type ClaimedPort, type ServiceClaim } from './service-claim.js';
export { type ServiceView } from './clients/service-views.js';
export { type ServiceMember } from './service-members.js';
export { type AttachedService } from './waypoints/attached-services.js';
export {
  PATCHED_MESSAGES,
  valueProblems,
  type EnvoyPatch,
  type EnvoyPatches,
  type FilterPhase,
  type PatchedKind,
} from './waypoints/envoy-patches.js';
export { EXTENSION_PREFIX, type ProxyExtension, type WasmModule } from './waypoints/proxy-extension.js';
export { type AttachedWorkloads } from './waypoints/attached-workloads.js';
export { qualifiedHost } from './waypoints/host-names.js';
export {
  backendKey,
  destinationKeys,
  type Referring,
  type RouteDestination,
  type RouteDestinations,
} from './waypoints/route-destinations.js';
export { gatewayKey, type Readable, type RoutesByKind } from './waypoints/route-sources.js';
export { WAYPOINT_CLASS, type WaypointGateway } from './waypoints/waypoint-gateway.js';
export {
  ROUTE_KINDS,
  routeStatusKey,
  type RouteKindName,
  type RouteParentStatus,
  type RouteStatus,
} from './routes/route-status.js';
export { WAYPOINT_BOUND, type WaypointStatus } from './waypoints/waypoint-status.js';
export { type ProxyPlace } from './waypoints/proxy-places.js';
