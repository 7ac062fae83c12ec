/** Labels that users and our components set. Values are API; so are the keys. */
export const LABEL_DATAPLANE_MODE = 'istio.io/dataplane-mode';
export const LABEL_USE_WAYPOINT = 'istio.io/use-waypoint';
export const LABEL_USE_WAYPOINT_NAMESPACE = 'istio.io/use-waypoint-namespace';
export const LABEL_INGRESS_USE_WAYPOINT = 'istio.io/ingress-use-waypoint';
export const LABEL_WAYPOINT_FOR = 'istio.io/waypoint-for';
export const LABEL_REVISION = 'istio.io/rev';
export const LABEL_SIDECAR_INJECT = 'sidecar.istio.io/inject';
export const LABEL_NETWORK = 'topology.istio.io/network';
export const LABEL_CLUSTER = 'topology.istio.io/cluster';
export const LABEL_SUBZONE = 'topology.istio.io/subzone';
export const LABEL_REGION = 'topology.kubernetes.io/region';
export const LABEL_ZONE = 'topology.kubernetes.io/zone';
export const LABEL_AUTO_ALLOCATE = 'networking.istio.io/enable-autoallocate-ip';
export const LABEL_TUNNEL = 'networking.istio.io/tunnel';
export const LABEL_CANONICAL_NAME = 'service.istio.io/canonical-name';
export const LABEL_CANONICAL_REVISION = 'service.istio.io/canonical-revision';
export const LABEL_WORKLOAD_NAME = 'service.istio.io/workload-name';
export const LABEL_APP_NAME = 'app.kubernetes.io/name';
export const LABEL_APP_VERSION = 'app.kubernetes.io/version';
export const LABEL_APP = 'app';
export const LABEL_VERSION = 'version';
export const LABEL_GATEWAY_NAME = 'gateway.networking.k8s.io/gateway-name';
export const LABEL_SERVICE_NAME = 'kubernetes.io/service-name';
export const LABEL_POD_TEMPLATE_HASH = 'pod-template-hash';

export const DATAPLANE_MODE_NONE = 'none';
export const TUNNEL_HTTP = 'http';
