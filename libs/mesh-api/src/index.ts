export {
  ANNOTATION_BYPASS_INBOUND_CAPTURE,
  ANNOTATION_DNS_CAPTURE,
  ANNOTATION_DRY_RUN,
  ANNOTATION_EXPORT_TO,
  ANNOTATION_REDIRECTION,
  ANNOTATION_REROUTE_VIRTUAL_INTERFACES,
  ANNOTATION_SIDECAR_STATUS,
  ANNOTATION_TRAFFIC_DISTRIBUTION,
  REDIRECTION_ENABLED,
  REDIRECTION_PENDING,
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
export { meshCrds, type CustomResourceDefinition } from './crds/mesh-crds.js';
export { formatProblem, isWithin, type FieldProblem } from './field-problem.js';
export {
  DATAPLANE_MODE_AMBIENT,
  DATAPLANE_MODE_NONE,
  LABEL_APP,
  LABEL_APP_NAME,
  LABEL_APP_VERSION,
  LABEL_CANONICAL_NAME,
  LABEL_CANONICAL_REVISION,
  LABEL_CLUSTER,
  LABEL_DATAPLANE_MODE,
  LABEL_GATEWAY_NAME,
  LABEL_GLOBAL,
  LABEL_INGRESS_USE_WAYPOINT,
  LABEL_INJECTION,
  LABEL_LOCALITY,
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
