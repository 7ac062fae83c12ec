export {
  ANNOTATION_DRY_RUN,
  ANNOTATION_ACTIVATION_REQUESTED,
  ANNOTATION_EXPORT_TO,
  ANNOTATION_SCALES_TO_ZERO,
  ANNOTATION_REDIRECTION,
  ANNOTATION_TRAFFIC_DISTRIBUTION,
  REDIRECTION_ENABLED,
} from './annotations.js';
export {
  AUTHORIZATION_ACTIONS,
  parseAuthorizationPolicy,
  type AuthorizationAction,
  type AuthorizationCondition,
  type AuthorizationOperation,
  type AuthorizationPolicy,
  type AuthorizationPolicySpec,
  type AuthorizationRule,
  type AuthorizationSource,
  type OperationField,
  type SourceField,
} from './authorization-policy.js';
export { formatProblem, isWithin, type FieldProblem } from './field-problem.js';
export {
  DATAPLANE_MODE_NONE,
  LABEL_APP,
  LABEL_APP_NAME,
  LABEL_APP_VERSION,
  LABEL_AUTO_ALLOCATE,
  LABEL_CANONICAL_NAME,
  LABEL_CANONICAL_REVISION,
  LABEL_CLUSTER,
  LABEL_DATAPLANE_MODE,
  LABEL_GATEWAY_NAME,
  LABEL_INGRESS_USE_WAYPOINT,
  LABEL_NETWORK,
  LABEL_POD_TEMPLATE_HASH,
  LABEL_REGION,
  LABEL_REVISION,
  LABEL_SERVICE_NAME,
  LABEL_SIDECAR_INJECT,
  LABEL_SUBZONE,
  LABEL_TUNNEL,
  LABEL_USE_WAYPOINT,
  LABEL_USE_WAYPOINT_NAMESPACE,
  LABEL_VERSION,
  LABEL_WAYPOINT_FOR,
  LABEL_WORKLOAD_NAME,
  LABEL_ZONE,
  TUNNEL_HTTP,
} from './labels.js';
export { compareByAge, objectMetaOf, type ObjectMeta } from './object-meta.js';
export {
  ANNOTATION_CLAIMED_ACCOUNT,
  ANNOTATION_CLAIMED_BY,
  LABEL_POOL,
  POOL_ACCOUNT,
  poolClaimOf,
  type PoolClaim,
} from './pool-claim.js';
export { type ParsedResource } from './parsed-resource.js';
export {
  MTLS_MODES,
  parsePeerAuthentication,
  type MtlsMode,
  type PeerAuthentication,
  type PeerAuthenticationSpec,
} from './peer-authentication.js';
export { type PolicyTargetReference } from './policy-target.js';
export { selectorMatches, type WorkloadSelector } from './selector.js';
export {
  LOCATIONS,
  automaticallyAddressedHosts,
  parseServiceEntry,
  RESOLUTIONS,
  type Resolution,
  type ServiceEntry,
  type ServiceEntryPort,
  type ServiceEntrySpec,
} from './service-entry.js';
export {
  addressKindOf,
  parseWorkloadEntry,
  type AddressKind,
  type WorkloadEntry,
  type WorkloadEntrySpec,
} from './workload-entry.js';
export { parseWorkloadGroup, type WorkloadGroup, type WorkloadGroupSpec } from './workload-group.js';

export { type BackendTlsPolicySpec, BACKEND_TLS_POLICIES } from './gateway-api/backend-tls-policy.js';
export { GATEWAY_CLASSES } from './gateway-api/gateway-class.js';
export { GATEWAYS, type GatewaySpec } from './gateway-api/gateway.js';
export { GRPC_ROUTES, type GrpcRouteMatch, type GrpcRouteRule, type GrpcRouteSpec } from './gateway-api/grpc-route.js';
export { HTTP_ROUTES, type HttpRouteMatch, type HttpRouteRule, type HttpRouteSpec } from './gateway-api/http-route.js';
export { type Listener, type NamespaceSelector } from './gateway-api/listener.js';
export { LISTENER_SETS, type ListenerSetSpec } from './gateway-api/listener-set.js';
export { REFERENCE_GRANTS, type ReferenceGrantSpec } from './gateway-api/reference-grant.js';
export {
  GATEWAY_API_GROUP,
  type ObjectReference,
  type ParentReference,
  type SecretReference,
} from './gateway-api/references.js';
export { type HttpRouteFilter, type PathModifier } from './gateway-api/route-filters.js';
export { TCP_ROUTES, TLS_ROUTES, type TcpRouteSpec, type TlsRouteSpec } from './gateway-api/stream-routes.js';
export { type CustomResourceDefinition, type MeshKind } from './mesh-kind.js';
export {
  AUTHORIZATION_POLICIES,
  MESH_KINDS,
  meshCrds,
  PEER_AUTHENTICATIONS,
  SERVICE_ENTRIES,
  WORKLOAD_ENTRIES,
  WORKLOAD_GROUPS,
} from './mesh-kinds.js';
export { DESTINATION_RULES, type DestinationRuleSpec, type Subset } from './networking/destination-rule.js';
export { type Destination } from './networking/destination.js';
export { type CorsPolicy } from './networking/cors-policy.js';
export { grpcStatusCode, type Fault } from './networking/fault.js';
export { type Headers } from './networking/headers.js';
export { covers } from './networking/hosts.js';
export { type Redirect, type Rewrite } from './networking/http-answers.js';
export { CLAIM_HEADER_PREFIX, type HttpMatch } from './networking/http-match.js';
export { type RouteDestination } from './networking/http-route.js';
export { type Retries } from './networking/retries.js';
export { ISTIO_GATEWAYS, type IstioGatewaySpec } from './networking/istio-gateway.js';
export { type StringMatch } from './networking/string-match.js';
export { type ClientTls, type ServerTls } from './networking/tls-settings.js';
export {
  type ConnectionPool,
  type LoadBalancer,
  type LocalityLbSetting,
  type OutlierDetection,
  type PortTrafficPolicy,
  type TrafficPolicy,
} from './networking/traffic-policy.js';
export {
  MESH_GATEWAY,
  VIRTUAL_SERVICES,
  type HttpRouteRule as VirtualServiceHttpRoute,
  type L4Destination,
  type TcpRouteRule as VirtualServiceTcpRoute,
  type TlsRouteRule as VirtualServiceTlsRoute,
  type VirtualServiceSpec,
} from './networking/virtual-service.js';
export {
  REQUEST_AUTHENTICATIONS,
  type JwtRule,
  type RequestAuthenticationSpec,
} from './security/request-authentication.js';

export {
  MESH_CONFIG_KEY,
  MESH_CONFIG_MAP,
  parseMeshTrustDomains,
  type MeshTrustDomains,
} from './mesh-trust-domains.js';
export { type ExtensionProvider } from './mesh-config/extension-providers.js';
export {
  NO_EXTENSIONS,
  parseMeshExtensions,
  type MeshExtensions,
  type MeshTrafficPolicy,
  type PathNormalization,
  type ReadMeshExtensions,
  type TrafficDefaults,
} from './mesh-config/mesh-extensions.js';
export {
  type ExtAuthzGrpcProvider,
  type ExtAuthzHttpProvider,
  type LogFormat,
  type OpenTelemetryProvider,
  type ZipkinProvider,
} from './mesh-config/provider-fields.js';
export { TRAFFIC_EXTENSIONS, type TrafficExtensionSpec } from './extensions/traffic-extension.js';
export { WASM_PLUGINS, type WasmPluginSpec } from './extensions/wasm-plugin.js';
export { ENVOY_FILTERS, type ConfigPatch } from './networking/envoy-filter.js';
export { PROXY_CONFIGS } from './networking/proxy-config.js';
export { SIDECARS } from './networking/sidecar.js';
export { expressionFault, type ExpressionFault } from './telemetry/envoy-expression.js';
export { TELEMETRIES, type TelemetrySpec } from './telemetry/telemetry.js';
export { kindOfObject, validateObject, type ObjectValidation } from './validate-object.js';
