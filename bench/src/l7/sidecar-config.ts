import { spiffeIdOf } from '../l4/peers/bench-authority.js';
import { SERVER_NAME, type PeerCertificates } from '../l4/peers/peer-certificates.js';

/** Where the Envoy beside the client takes requests, and the one beside the server takes TLS. */
export const OUTBOUND_PORT = 15_001;
const INBOUND_PORT = 15_006;

const type = (name: string): string => `type.googleapis.com/envoy.${name}`;

/** The Envoy beside a client: routes by host, retries, keeps connections with mutual TLS to the other one. */
export function outboundConfig(serverAddress: string, certificates: PeerCertificates, accessLogPath: string): object {
  const cluster = {
    ...clusterTo('server', serverAddress, INBOUND_PORT),
    transport_socket: tls('Upstream', certificates, 'client', { sni: SERVER_NAME }),
  };
  const retry = { retry_on: 'connect-failure,refused-stream,unavailable,cancelled', num_retries: 2 };
  return config(OUTBOUND_PORT, cluster, {
    accessLogPath,
    route: { cluster: 'server', timeout: '0s', retry_policy: retry },
    filters: [],
    tls: null,
  });
}

/** The Envoy beside a server: asks for the client's certificate and whether it may. */
export function inboundConfig(appPort: number, certificates: PeerCertificates, accessLogPath: string): object {
  const rbac = {
    name: 'rbac',
    typed_config: {
      '@type': type('extensions.filters.http.rbac.v3.RBAC'),
      rules: {
        action: 'ALLOW',
        policies: {
          client: {
            permissions: [{ any: true }],
            principals: [{ authenticated: { principal_name: { exact: spiffeIdOf('client') } } }],
          },
        },
      },
    },
  };
  return config(INBOUND_PORT, clusterTo('server', '127.0.0.1', appPort), {
    accessLogPath,
    route: { cluster: 'server', timeout: '0s' },
    filters: [rbac],
    tls: tls('Downstream', certificates, 'server', { require_client_certificate: true }),
  });
}

interface Sides {
  readonly accessLogPath: string;
  readonly route: object;
  readonly filters: readonly object[];
  readonly tls: object | null;
}

function config(port: number, cluster: object, { accessLogPath, route, filters, tls: socket }: Sides): object {
  const manager = {
    '@type': type('extensions.filters.network.http_connection_manager.v3.HttpConnectionManager'),
    stat_prefix: 'http',
    stream_idle_timeout: '0s',
    access_log: [
      {
        name: 'file',
        typed_config: { '@type': type('extensions.access_loggers.file.v3.FileAccessLog'), path: accessLogPath },
      },
    ],
    route_config: { virtual_hosts: [{ name: 'all', domains: ['*'], routes: [{ match: { prefix: '/' }, route }] }] },
    http_filters: [
      ...filters,
      { name: 'router', typed_config: { '@type': type('extensions.filters.http.router.v3.Router') } },
    ],
  };
  return {
    static_resources: {
      clusters: [cluster],
      listeners: [
        {
          name: 'http',
          address: { socket_address: { address: '0.0.0.0', port_value: port } },
          filter_chains: [
            {
              filters: [{ name: 'http', typed_config: manager }],
              ...(socket === null ? {} : { transport_socket: socket }),
            },
          ],
        },
      ],
    },
  };
}

const clusterTo = (name: string, address: string, port: number): object => ({
  name,
  type: 'STATIC',
  connect_timeout: '10s',
  circuit_breakers: { thresholds: [{ max_connections: 10_000, max_pending_requests: 10_000, max_requests: 10_000 }] },
  load_assignment: {
    cluster_name: name,
    endpoints: [{ lb_endpoints: [{ endpoint: { address: { socket_address: { address, port_value: port } } } }] }],
  },
});

function tls(
  side: 'Upstream' | 'Downstream',
  { caFile, client, server }: PeerCertificates,
  own: 'client' | 'server',
  more: object,
): object {
  const { certFile, keyFile } = own === 'client' ? client : server;
  const peer = own === 'client' ? 'server' : 'client';
  return {
    name: 'tls',
    typed_config: {
      '@type': type(`extensions.transport_sockets.tls.v3.${side}TlsContext`),
      ...more,
      common_tls_context: {
        tls_params: { tls_minimum_protocol_version: 'TLSv1_3', tls_maximum_protocol_version: 'TLSv1_3' },
        tls_certificates: [{ certificate_chain: { filename: certFile }, private_key: { filename: keyFile } }],
        validation_context: {
          trusted_ca: { filename: caFile },
          match_typed_subject_alt_names: [{ san_type: 'URI', matcher: { exact: spiffeIdOf(peer) } }],
        },
      },
    },
  };
}
