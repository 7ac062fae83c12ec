import { join } from 'node:path';
import { SERVER_ADDRESS, SERVER_PORT } from '../namespace-pair.js';
import { spiffeIdOf } from './bench-authority.js';
import { SERVER_NAME, type CertificateFiles } from './peer-certificates.js';
import type { Endpoint, PeerRoute } from './peer-route.js';
import type { PeerSite } from './peer.js';

const type = (name: string): string => `type.googleapis.com/envoy.${name}`;
const FILTERS = 'extensions.filters.network';
const LISTENER_FILTERS = 'extensions.filters.listener';

/** TCP in, one CONNECT stream for each connection out. */
export function sourceConfig(site: PeerSite): object {
  const { certificates, directory, route } = site;
  const original = {
    name: 'original_dst',
    typed_config: { '@type': type(`${LISTENER_FILTERS}.original_dst.v3.OriginalDst`) },
  };
  const app = route.redirected ? '%DOWNSTREAM_LOCAL_ADDRESS%' : `${SERVER_ADDRESS}:${SERVER_PORT}`;
  const listener = (name: string, endpoint: Endpoint): object => ({
    name,
    address: address(endpoint),
    ...(route.redirected ? { listener_filters: [original] } : {}),
    filter_chains: [
      {
        filters: [
          {
            name: 'tcp_proxy',
            typed_config: {
              '@type': type(`${FILTERS}.tcp_proxy.v3.TcpProxy`),
              stat_prefix: name,
              cluster: name,
              tunneling_config: { hostname: app },
              access_log: accessLog(join(directory, 'source.access')),
            },
          },
        ],
      },
    ],
  });
  const cluster = (name: string, reuse: boolean): object => ({
    ...(route.redirected && reuse ? originalCluster(name, route) : clusterTo(name, route.next)),
    transport_socket: tls(
      'Upstream',
      site,
      certificates.client,
      { sni: SERVER_NAME, max_session_keys: reuse ? 1 : 0 },
      'server',
    ),
    typed_extension_protocol_options: {
      'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': {
        '@type': type('extensions.upstreams.http.v3.HttpProtocolOptions'),
        explicit_http_config: { http2_protocol_options: {} },
        ...(reuse ? {} : { common_http_protocol_options: { max_requests_per_connection: 1 } }),
      },
    },
  });
  return {
    static_resources: {
      listeners: [listener('warm', route.source), listener('cold', route.cold)],
      clusters: [cluster('warm', true), cluster('cold', false)],
    },
  };
}

/** CONNECT streams in, TCP to the server out. */
export function destinationConfig(site: PeerSite): object {
  const originalSource = {
    name: 'original_src',
    typed_config: { '@type': type('extensions.filters.http.original_src.v3.OriginalSrc') },
  };
  const connectionManager = {
    '@type': type(`${FILTERS}.http_connection_manager.v3.HttpConnectionManager`),
    stat_prefix: 'in',
    codec_type: 'HTTP2',
    http2_protocol_options: { allow_connect: true },
    upgrade_configs: [{ upgrade_type: 'CONNECT' }],
    access_log: accessLog(join(site.directory, 'destination.access')),
    route_config: {
      virtual_hosts: [
        {
          name: 'all',
          domains: ['*'],
          routes: [
            {
              match: { connect_matcher: {} },
              route: {
                cluster: 'app',
                timeout: '0s',
                upgrade_configs: [{ upgrade_type: 'CONNECT', connect_config: {} }],
              },
            },
          ],
        },
      ],
    },
    stream_idle_timeout: '0s',
    http_filters: [
      {
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
      },
      ...(site.route.redirected ? [originalSource] : []),
      { name: 'router', typed_config: { '@type': type('extensions.filters.http.router.v3.Router') } },
    ],
  };
  const requireClient = { require_client_certificate: true };
  return {
    static_resources: {
      listeners: [
        {
          name: 'in',
          address: address(site.route.destination),
          filter_chains: [
            {
              transport_socket: tls('Downstream', site, site.certificates.server, requireClient, 'client'),
              filters: [{ name: 'hcm', typed_config: connectionManager }],
            },
          ],
        },
      ],
      clusters: [clusterTo('app', { ip: SERVER_ADDRESS, port: SERVER_PORT })],
    },
  };
}

/** The next proxy is where the client meant to go. */
function originalCluster(name: string, { next }: PeerRoute): object {
  return {
    ...clusterBase(name),
    type: 'ORIGINAL_DST',
    lb_policy: 'CLUSTER_PROVIDED',
    original_dst_lb_config: { upstream_port_override: next.port },
  };
}

function clusterBase(name: string): object {
  const limits = { max_connections: 100_000, max_pending_requests: 100_000, max_requests: 100_000 };
  return { name, connect_timeout: '10s', circuit_breakers: { thresholds: [limits] } };
}

function clusterTo(name: string, endpoint: Endpoint): object {
  return {
    ...clusterBase(name),
    type: 'STATIC',
    load_assignment: {
      cluster_name: name,
      endpoints: [{ lb_endpoints: [{ endpoint: { address: address(endpoint) } }] }],
    },
  };
}

function tls(
  side: 'Upstream' | 'Downstream',
  { certificates: { caFile } }: PeerSite,
  { certFile, keyFile }: CertificateFiles,
  more: object,
  peer: string,
): object {
  return {
    name: 'tls',
    typed_config: {
      '@type': type(`extensions.transport_sockets.tls.v3.${side}TlsContext`),
      ...more,
      common_tls_context: {
        alpn_protocols: ['h2'],
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

function accessLog(path: string): readonly object[] {
  return [{ name: 'file', typed_config: { '@type': type('extensions.access_loggers.file.v3.FileAccessLog'), path } }];
}

function address({ ip, port }: Endpoint): object {
  return { socket_address: { address: ip, port_value: port } };
}
