import http2 from 'node:http2';
import type net from 'node:net';
import type { TestIdentity } from '@weft/testing-certificates';
import { envoyAddress, envoyCluster, envoyType as type, startEnvoy, type WriteFile } from './envoy-process.js';
import type { PodNamespace } from './pod-namespace.js';

export interface GatewaySite {
  /** Where it runs; it listens on loopback, and its own connections are not captured. */
  readonly pod: PodNamespace;
  readonly identity: TestIdentity;
  /** `ip:port` that every name leads to. */
  readonly upstream: string;
}

export const GATEWAY_DIAL = '127.0.0.1:15018';
const GATEWAY_PORT = 15_018;
const MARK = 0x539;

/** The door of another network, played by somebody else's HTTP/2: it ends the outer tunnel and passes its bytes on. */
export interface NetworkGateway {
  /** What the outer requests said, where the implementation tells. */
  readonly requests: readonly http2.IncomingHttpHeaders[];
  stop(): void;
}

/** With the HTTP/2 and the TLS of Node. */
export async function nodeGateway({ pod, identity, upstream }: GatewaySite): Promise<NetworkGateway> {
  const requests: http2.IncomingHttpHeaders[] = [];
  const sockets = new Set<net.Socket>();
  const gateway = http2.createSecureServer({
    cert: identity.certificateChainPem,
    key: identity.privateKeyPem,
    ca: identity.rootsPem,
    requestCert: true,
    rejectUnauthorized: true,
    minVersion: 'TLSv1.3',
  });
  gateway.on('sessionError', () => undefined);
  gateway.on('stream', (stream: http2.ServerHttp2Stream, headers: http2.IncomingHttpHeaders) => {
    requests.push(headers);
    const to = pod.connect(upstream, { mark: MARK });
    sockets.add(to);
    to.on('error', () => stream.close(http2.constants.NGHTTP2_CONNECT_ERROR));
    stream.on('error', () => to.destroy());
    stream.on('close', () => to.destroySoon());
    to.once('connect', () => {
      stream.respond({ ':status': 200 });
      stream.pipe(to);
      to.pipe(stream);
    });
  });
  const server = await pod.serve(
    GATEWAY_PORT,
    (socket) => {
      sockets.add(socket);
      socket.on('error', () => undefined);
      gateway.emit('connection', socket);
    },
    '127.0.0.1',
  );
  return {
    requests,
    stop: () => {
      for (const socket of sockets) socket.destroy();
      server.close();
      gateway.close();
    },
  };
}

/** With Envoy. */
export async function envoyGateway(site: GatewaySite): Promise<NetworkGateway> {
  const envoy = await startEnvoy(site.pod, GATEWAY_PORT, (file) => envoyConfig(site, file));
  return { requests: [], stop: () => envoy.stop() };
}

function envoyConfig({ identity, upstream }: GatewaySite, file: WriteFile): object {
  const [host = '', port = ''] = upstream.split(':');
  const named = (name: string, text: string) => ({ filename: file(name, text) });
  const tls = {
    '@type': type('extensions.transport_sockets.tls.v3.DownstreamTlsContext'),
    require_client_certificate: true,
    common_tls_context: {
      alpn_protocols: ['h2'],
      tls_params: { tls_minimum_protocol_version: 'TLSv1_3', tls_maximum_protocol_version: 'TLSv1_3' },
      tls_certificates: [
        {
          certificate_chain: named('chain.pem', identity.certificateChainPem),
          private_key: named('key.pem', identity.privateKeyPem),
        },
      ],
      validation_context: { trusted_ca: named('roots.pem', identity.rootsPem) },
    },
  };
  const transport = { name: 'tls', typed_config: tls };
  return {
    static_resources: {
      listeners: [
        {
          name: 'gateway',
          address: envoyAddress('127.0.0.1', GATEWAY_PORT),
          filter_chains: [
            { transport_socket: transport, filters: [{ name: 'hcm', typed_config: connectionManager() }] },
          ],
        },
      ],
      clusters: [envoyCluster({ name: 'inside', host, port: Number(port), mark: MARK })],
    },
  };
}

function connectionManager(): object {
  const upgrade = { upgrade_type: 'CONNECT' };
  const route = { cluster: 'inside', timeout: '0s', upgrade_configs: [{ ...upgrade, connect_config: {} }] };
  return {
    '@type': type('extensions.filters.network.http_connection_manager.v3.HttpConnectionManager'),
    stat_prefix: 'in',
    codec_type: 'HTTP2',
    http2_protocol_options: { allow_connect: true },
    upgrade_configs: [upgrade],
    stream_idle_timeout: '0s',
    route_config: {
      virtual_hosts: [
        {
          name: 'the service',
          // Only by the name: a gateway of another network knows no address of this one.
          domains: ['app.shop.svc.cluster.local:*'],
          routes: [{ match: { connect_matcher: {} }, route }],
        },
      ],
    },
    http_filters: [{ name: 'router', typed_config: { '@type': type('extensions.filters.http.router.v3.Router') } }],
  };
}
