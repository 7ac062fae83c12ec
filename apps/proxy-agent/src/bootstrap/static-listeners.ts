import type { AgentConfig } from '../config.js';

/** Readiness by way of Envoy, so that it also says that Envoy answers, and Envoy's metrics. */
export function staticListeners({ ports, pod }: AgentConfig): readonly object[] {
  const any = anyAddress(pod.ip);
  return [
    listener('agent', [any, ports.readiness], { match: { path: '/healthz/ready' }, route: { cluster: 'agent' } }),
    listener('prometheus_stats', [any, ports.prometheus], {
      match: { prefix: '/stats/prometheus' },
      route: { cluster: 'prometheus_stats' },
    }),
  ];
}

/** Probes come to the pod's first address. */
export const anyAddress = (podIp: string): string => (podIp.includes(':') ? '::' : '0.0.0.0');

function listener(name: string, [address, port]: readonly [string, number], route: object): object {
  return {
    name: `${name}-listener`,
    address: { socket_address: { address, port_value: port } },
    // A pod without connections must not count these as its own when it drains.
    ignore_global_conn_limit: true,
    filter_chains: [
      {
        filters: [
          {
            name: 'envoy.filters.network.http_connection_manager',
            typed_config: {
              '@type':
                'type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager',
              stat_prefix: name,
              route_config: { virtual_hosts: [{ name, domains: ['*'], routes: [route] }] },
              http_filters: [
                {
                  name: 'envoy.filters.http.router',
                  typed_config: { '@type': 'type.googleapis.com/envoy.extensions.filters.http.router.v3.Router' },
                },
              ],
            },
          },
        ],
      },
    ],
  };
}
