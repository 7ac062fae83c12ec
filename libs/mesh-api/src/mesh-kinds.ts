import { parseAuthorizationPolicy } from './authorization-policy.js';
import { authorizationPolicySpec } from './crds/authorization-policy-crd.js';
import { peerAuthenticationSpec } from './crds/peer-authentication-crd.js';
import { serviceEntrySpec, serviceEntryStatus, workloadEntrySpec, workloadGroupSpec } from './crds/workload-crds.js';
import { TRAFFIC_EXTENSIONS } from './extensions/traffic-extension.js';
import { WASM_PLUGINS } from './extensions/wasm-plugin.js';
import { BACKEND_TLS_POLICIES } from './gateway-api/backend-tls-policy.js';
import { GATEWAY_CLASSES } from './gateway-api/gateway-class.js';
import { GATEWAYS } from './gateway-api/gateway.js';
import { GRPC_ROUTES } from './gateway-api/grpc-route.js';
import { HTTP_ROUTES } from './gateway-api/http-route.js';
import { LISTENER_SETS } from './gateway-api/listener-set.js';
import { REFERENCE_GRANTS } from './gateway-api/reference-grant.js';
import { TCP_ROUTES, TLS_ROUTES } from './gateway-api/stream-routes.js';
import { AGE, column, kindOf, type CustomResourceDefinition, type MeshKind } from './mesh-kind.js';
import { DESTINATION_RULES } from './networking/destination-rule.js';
import { ENVOY_FILTERS } from './networking/envoy-filter.js';
import { ISTIO_GATEWAYS } from './networking/istio-gateway.js';
import { PROXY_CONFIGS } from './networking/proxy-config.js';
import { SIDECARS } from './networking/sidecar.js';
import { VIRTUAL_SERVICES } from './networking/virtual-service.js';
import { parsePeerAuthentication } from './peer-authentication.js';
import { REQUEST_AUTHENTICATIONS } from './security/request-authentication.js';
import { parseServiceEntry } from './service-entry.js';
import { TELEMETRIES } from './telemetry/telemetry.js';
import { parseWorkloadEntry } from './workload-entry.js';
import { parseWorkloadGroup } from './workload-group.js';

const SECURITY = { group: 'security.istio.io', versions: ['v1', 'v1beta1'] };
const NETWORKING = { group: 'networking.istio.io', versions: ['v1', 'v1beta1', 'v1alpha3'] };
const ACCEPTED = column(
  'Accepted',
  '.status.conditions[?(@.type=="ZtunnelAccepted")].status',
  'Whether ztunnel enforces it as written.',
);

export const AUTHORIZATION_POLICIES = kindOf(
  {
    ...SECURITY,
    kind: 'AuthorizationPolicy',
    plural: 'authorizationpolicies',
    shortNames: ['ap'],
    columns: [column('Action', '.spec.action', 'What a match means.'), ACCEPTED, AGE],
  },
  authorizationPolicySpec,
  parseAuthorizationPolicy,
);

export const PEER_AUTHENTICATIONS = kindOf(
  {
    ...SECURITY,
    kind: 'PeerAuthentication',
    plural: 'peerauthentications',
    shortNames: ['pa'],
    columns: [column('Mode', '.spec.mtls.mode', 'The mTLS mode.'), ACCEPTED, AGE],
  },
  peerAuthenticationSpec,
  parsePeerAuthentication,
);

export const SERVICE_ENTRIES = kindOf(
  {
    ...NETWORKING,
    kind: 'ServiceEntry',
    plural: 'serviceentries',
    shortNames: ['se'],
    columns: [
      column('Hosts', '.spec.hosts', 'Host names of the service.'),
      column('Location', '.spec.location', 'Whether it is part of the mesh.'),
      column('Resolution', '.spec.resolution', 'How endpoints are found.'),
      AGE,
    ],
    status: { more: serviceEntryStatus },
  },
  serviceEntrySpec,
  parseServiceEntry,
);

export const WORKLOAD_ENTRIES = kindOf(
  {
    ...NETWORKING,
    kind: 'WorkloadEntry',
    plural: 'workloadentries',
    shortNames: ['we'],
    columns: [AGE, column('Address', '.spec.address', 'Address of the workload.')],
  },
  workloadEntrySpec,
  parseWorkloadEntry,
);

export const WORKLOAD_GROUPS = kindOf(
  { ...NETWORKING, kind: 'WorkloadGroup', plural: 'workloadgroups', shortNames: ['wg'] },
  workloadGroupSpec,
  parseWorkloadGroup,
);

/** Every kind that the mesh reads. */
export const MESH_KINDS: readonly MeshKind<unknown>[] = [
  AUTHORIZATION_POLICIES,
  PEER_AUTHENTICATIONS,
  REQUEST_AUTHENTICATIONS,
  SERVICE_ENTRIES,
  WORKLOAD_ENTRIES,
  WORKLOAD_GROUPS,
  VIRTUAL_SERVICES,
  DESTINATION_RULES,
  ISTIO_GATEWAYS,
  SIDECARS,
  PROXY_CONFIGS,
  ENVOY_FILTERS,
  WASM_PLUGINS,
  TRAFFIC_EXTENSIONS,
  TELEMETRIES,
  GATEWAY_CLASSES,
  GATEWAYS,
  LISTENER_SETS,
  HTTP_ROUTES,
  GRPC_ROUTES,
  TCP_ROUTES,
  TLS_ROUTES,
  REFERENCE_GRANTS,
  BACKEND_TLS_POLICIES,
];

/** The CustomResourceDefinitions of all of them. Fresh objects at each call. */
export function meshCrds(): readonly CustomResourceDefinition[] {
  return MESH_KINDS.map((kind) => kind.crd());
}
