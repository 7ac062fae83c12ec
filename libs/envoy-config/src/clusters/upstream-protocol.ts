import type { ConnectionPool } from '@weft/mesh-api';
import type {
  Http2ProtocolOptions,
  HttpProtocolOptions as CommonOptions,
} from '@weft/xds/gen/envoy/config/core/v3/protocol.js';
import type { HttpProtocolOptions } from '@weft/xds/gen/envoy/extensions/upstreams/http/v3/http_protocol_options.js';
import type { PackedAny } from '../messages/any.js';
import type { Draft } from '../messages/draft.js';
import { duration } from '../messages/duration.js';
import type { PortProtocol } from '../services/vip-service.js';
import { httpProtocolOptions } from './http-protocol.js';

type Protocol = NonNullable<Draft<typeof HttpProtocolOptions>['upstreamProtocolOptions']>;

export interface UpstreamProtocolOptions {
  /** The handshake tells which versions the server speaks. */
  readonly negotiated?: boolean;
  /** The server is asked for by the host of the request. */
  readonly nameOfRequest?: boolean;
}

/** HTTP/2 where the service says so or is upgraded to it, the client's version where nobody knows, else HTTP/1.1. */
export function upstreamProtocol(
  protocol: PortProtocol,
  pool: ConnectionPool | undefined,
  { nameOfRequest = false, negotiated = false }: UpstreamProtocolOptions = {},
): Record<string, PackedAny> {
  const { http, tcp } = pool ?? {};
  return httpProtocolOptions({
    commonHttpProtocolOptions: commonOptions(http, tcp),
    ...(nameOfRequest ? { upstreamHttpProtocolOptions: { autoSni: true, autoSanValidation: true } } : {}),
    upstreamProtocolOptions: choose(protocol, http, negotiated),
  });
}

function choose(protocol: PortProtocol, http: ConnectionPool['http'], negotiated: boolean): Protocol {
  const http2 = http2Options(http);
  if (http?.useClientProtocol === true) return byClient(http2);
  if (protocol === 'http2' || (http?.h2UpgradePolicy === 'UPGRADE' && protocol === 'http'))
    return { $case: 'explicitHttpConfig', value: { protocolConfig: { $case: 'http2ProtocolOptions', value: http2 } } };
  if (negotiated && protocol !== 'http')
    return { $case: 'autoConfig', value: { httpProtocolOptions: {}, http2ProtocolOptions: http2 } };
  if (protocol === 'auto') return byClient(http2);
  return { $case: 'explicitHttpConfig', value: { protocolConfig: { $case: 'httpProtocolOptions', value: {} } } };
}

const byClient = (http2ProtocolOptions: Draft<typeof Http2ProtocolOptions>): Protocol => ({
  $case: 'useDownstreamProtocolConfig',
  value: { httpProtocolOptions: {}, http2ProtocolOptions },
});

function http2Options(http: ConnectionPool['http']): Draft<typeof Http2ProtocolOptions> {
  const { maxConcurrentStreams, http2KeepAlive } = http ?? {};
  return {
    ...(maxConcurrentStreams ? { maxConcurrentStreams } : {}),
    ...(http2KeepAlive?.interval === undefined
      ? {}
      : {
          connectionKeepalive: {
            interval: duration(http2KeepAlive.interval),
            timeout: duration(http2KeepAlive.timeout ?? http2KeepAlive.interval),
          },
        }),
  };
}

function commonOptions(http: ConnectionPool['http'], tcp: ConnectionPool['tcp']): Draft<typeof CommonOptions> {
  return {
    ...(http?.idleTimeout === undefined ? {} : { idleTimeout: duration(http.idleTimeout) }),
    ...(http?.maxRequestsPerConnection ? { maxRequestsPerConnection: http.maxRequestsPerConnection } : {}),
    ...(tcp?.maxConnectionDuration === undefined ? {} : { maxConnectionDuration: duration(tcp.maxConnectionDuration) }),
  };
}
