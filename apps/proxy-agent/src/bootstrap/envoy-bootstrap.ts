import type { AgentConfig } from '../config.js';
import { staticClusters } from './static-clusters.js';
import { staticListeners } from './static-listeners.js';

/** Sockets of the agent, on which Envoy finds its configuration and its certificate. */
export interface AgentSockets {
  readonly ads: string;
  readonly sds: string;
}

const INTERNAL_BUFFER_KIB = 64;

/**
 * Envoy's bootstrap, in the JSON form of its proto. Everything that can change comes over the agent's sockets.
 *
 * @see https://www.envoyproxy.io/docs/envoy/latest/api-v3/config/bootstrap/v3/bootstrap.proto
 */
export function envoyBootstrap(config: AgentConfig, sockets: AgentSockets): object {
  return {
    node: nodeOf(config),
    admin: { address: loopback(config.ports.admin), ignore_global_conn_limit: true },
    bootstrap_extensions: [
      {
        name: 'envoy.bootstrap.internal_listener',
        typed_config: {
          '@type': 'type.googleapis.com/envoy.extensions.bootstrap.internal_listener.v3.InternalListener',
          buffer_size_kb: INTERNAL_BUFFER_KIB,
        },
      },
    ],
    dynamic_resources: {
      // Without a deadline: an Envoy without listeners and clusters must not become ready.
      lds_config: { ads: {}, initial_fetch_timeout: '0s', resource_api_version: 'V3' },
      cds_config: { ads: {}, initial_fetch_timeout: '0s', resource_api_version: 'V3' },
      ads_config: {
        api_type: config.deltaXds ? 'DELTA_GRPC' : 'GRPC',
        transport_api_version: 'V3',
        set_node_on_first_message_only: true,
        grpc_services: [{ envoy_grpc: { cluster_name: 'xds-grpc', retry_policy: ADS_RETRY } }],
      },
    },
    static_resources: { clusters: staticClusters(config, sockets), listeners: staticListeners(config) },
    layered_runtime: {
      layers: [
        { name: 'static', static_layer: RUNTIME },
        { name: 'admin', admin_layer: {} },
      ],
    },
    overload_manager: OVERLOAD_MANAGER,
  };
}

/** `type~ip~pod.namespace~namespace.svc.domain`, and what the environment says of the pod. */
export function nodeOf(config: AgentConfig): object {
  const { proxyType, pod, serviceAccount, clusterDomain, nodeMetadata } = config;
  return {
    id: `${proxyType}~${pod.ip}~${pod.name}.${pod.namespace}~${pod.namespace}.svc.${clusterDomain}`,
    cluster: `${pod.name}.${pod.namespace}`,
    metadata: {
      ...nodeMetadata,
      NAME: pod.name,
      NAMESPACE: pod.namespace,
      INSTANCE_IPS: pod.ip,
      SERVICE_ACCOUNT: serviceAccount,
      CLUSTER_ID: nodeMetadata['CLUSTER_ID'] ?? 'Kubernetes',
    },
  };
}

/** The control plane may be away for a second; Envoy's own back-off would wait up to thirty. */
const ADS_RETRY = { retry_back_off: { base_interval: '0.1s', max_interval: '2s' } };

const RUNTIME = {
  're2.max_program_size.error_level': 32_768,
  // A connection that ends between two listeners of one Envoy would be taken for one that is broken off: the client would get a
  // reset, which makes it forget what it has not read yet.
  'envoy.reloadable_features.enable_send_rst_on_user_space_socket': false,
  'envoy.reloadable_features.http_reject_path_with_fragment': false,
};

const OVERLOAD_MANAGER = {
  resource_monitors: [
    {
      name: 'envoy.resource_monitors.global_downstream_max_connections',
      typed_config: {
        '@type':
          'type.googleapis.com/envoy.extensions.resource_monitors.downstream_connections.v3.DownstreamConnectionsConfig',
        max_active_downstream_connections: 2_147_483_647,
      },
    },
  ],
};

export const socketAddress = (address: string, port: number): object => ({
  socket_address: { address, port_value: port },
});
export const loopback = (port: number): object => socketAddress('127.0.0.1', port);
