/** `type.googleapis.com/` names of the resources that travel over xDS. */
export const ADDRESS_TYPE_URL = 'type.googleapis.com/istio.workload.Address';
export const AUTHORIZATION_TYPE_URL = 'type.googleapis.com/istio.security.Authorization';
export const SECRET_TYPE_URL = 'type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret';
export const CLUSTER_TYPE_URL = 'type.googleapis.com/envoy.config.cluster.v3.Cluster';
export const ENDPOINT_TYPE_URL = 'type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment';
export const LISTENER_TYPE_URL = 'type.googleapis.com/envoy.config.listener.v3.Listener';
/** By ECDS. */
export const EXTENSION_TYPE_URL = 'type.googleapis.com/envoy.config.core.v3.TypedExtensionConfig';
export const ROUTE_TYPE_URL = 'type.googleapis.com/envoy.config.route.v3.RouteConfiguration';
/**
 * Ours. On-demand only: to be subscribed to `<namespace>/<hostname>` of a service with the extension below means that connections
 * wait for it. A server that does not know the type ignores it; one that does not send the extension is never asked.
 */
export const ACTIVATION_TYPE_URL = 'type.googleapis.com/weft.mesh.Activation';
/** Among `extensions` of an `istio.workload.Service`: without endpoints it is asleep, and is woken by who subscribes to it. */
export const ACTIVATION_EXTENSION = 'weft.io/activation';
