import type { TrafficPolicy } from '@weft/mesh-api';
import { ProxyProtocolConfig_Version as Version } from '@weft/xds/gen/envoy/config/core/v3/proxy_protocol.js';
import { ProxyProtocolUpstreamTransport } from '@weft/xds/gen/envoy/extensions/transport_sockets/proxy_protocol/v3/upstream_proxy_protocol.js';
import { filter } from '../messages/extension.js';

type Socket = ReturnType<typeof filter>;

/** The connection starts with a header that says who the client is. */
export function withProxyHeader(
  { version }: NonNullable<TrafficPolicy['proxyProtocol']>,
  transportSocket: Socket,
): Socket {
  return filter('envoy.transport_sockets.upstream_proxy_protocol', ProxyProtocolUpstreamTransport, {
    config: { version: version === 'V2' ? Version.V2 : Version.V1 },
    transportSocket,
  });
}
