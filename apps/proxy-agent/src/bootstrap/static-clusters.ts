import type { AgentConfig } from '../config.js';
import type { AgentSockets } from './envoy-bootstrap.js';

/** The agent by its sockets and its status port, and Envoy's own admin port for its metrics. */
export function staticClusters(config: AgentConfig, sockets: AgentSockets): readonly object[] {
  return [
    grpcCluster('xds-grpc', sockets.ads),
    grpcCluster('sds-grpc', sockets.sds),
    loopbackCluster('prometheus_stats', config.ports.admin),
    loopbackCluster('agent', config.ports.status),
  ];
}

function grpcCluster(name: string, path: string): object {
  return {
    ...cluster(name, { pipe: { path } }),
    typed_extension_protocol_options: {
      'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': {
        '@type': 'type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions',
        explicit_http_config: { http2_protocol_options: {} },
      },
    },
  };
}

function loopbackCluster(name: string, port: number): object {
  return cluster(name, { socket_address: { address: '127.0.0.1', port_value: port } });
}

function cluster(name: string, address: object): object {
  return {
    name,
    type: 'STATIC',
    connect_timeout: '1s',
    load_assignment: { cluster_name: name, endpoints: [{ lb_endpoints: [{ endpoint: { address } }] }] },
  };
}
