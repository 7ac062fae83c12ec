import { Cluster, Cluster_DiscoveryType, Cluster_LbPolicy } from '@weft/xds/gen/envoy/config/cluster/v3/cluster.js';
import { Listener } from '@weft/xds/gen/envoy/config/listener/v3/listener.js';
import { OriginalDst } from '@weft/xds/gen/envoy/extensions/filters/listener/original_dst/v3/original_dst.js';
import { TcpProxy } from '@weft/xds/gen/envoy/extensions/filters/network/tcp_proxy/v3/tcp_proxy.js';
import { circuitBreakers } from '../clusters/circuit-breakers.js';
import { httpProtocolOptions } from '../clusters/http-protocol.js';
import { hboneUpstreamTls } from './mesh-tls.js';
import { CONNECT_ORIGINATE, HBONE_PORT, METADATA_ORIGINAL_DST } from './well-known-keys.js';
import { duration } from '../messages/duration.js';
import { filter } from '../messages/extension.js';
import { upstreamFailureLog } from '../telemetry/access-log.js';
import type { MeshSettings } from '../resources/mesh-settings.js';

/** Before a peer has said how many it takes: a burst right after the start must not be refused by its limit. */
const STREAMS = 100;
/** Nothing of the client was sent before the tunnel stands. */
const CONNECT_ATTEMPTS = 3;
const TUNNEL_IDLE_MS = 3_600_000;

/** Puts a connection into an HBONE tunnel to the address that the chosen endpoint's metadata names. */
export function connectOriginateListener(): Listener {
  return Listener.fromPartial({
    name: CONNECT_ORIGINATE,
    listenerSpecifier: { $case: 'internalListener', value: {} },
    useOriginalDst: false,
    listenerFilters: [filter('envoy.filters.listener.original_dst', OriginalDst, {})],
    filterChains: [
      {
        filters: [
          filter('envoy.filters.network.tcp_proxy', TcpProxy, {
            statPrefix: CONNECT_ORIGINATE,
            clusterSpecifier: { $case: 'cluster', value: CONNECT_ORIGINATE },
            maxConnectAttempts: CONNECT_ATTEMPTS,
            tunnelingConfig: { hostname: '%DOWNSTREAM_LOCAL_ADDRESS%' },
            accessLog: [upstreamFailureLog()],
          }),
        ],
      },
    ],
  });
}

/** The ztunnel of the address, on the HBONE port. */
export function connectOriginateCluster({ trustDomains, connectTimeoutMs }: MeshSettings): Cluster {
  return Cluster.fromPartial({
    name: CONNECT_ORIGINATE,
    clusterDiscoveryType: { $case: 'type', value: Cluster_DiscoveryType.ORIGINAL_DST },
    lbPolicy: Cluster_LbPolicy.CLUSTER_PROVIDED,
    connectTimeout: duration(connectTimeoutMs),
    cleanupInterval: duration(60_000),
    lbConfig: {
      $case: 'originalDstLbConfig',
      value: {
        upstreamPortOverride: HBONE_PORT,
        metadataKey: { key: METADATA_ORIGINAL_DST, path: [{ segment: { $case: 'key', value: 'waypoint' } }] },
      },
    },
    circuitBreakers: circuitBreakers(),
    typedExtensionProtocolOptions: httpProtocolOptions({
      commonHttpProtocolOptions: { idleTimeout: duration(TUNNEL_IDLE_MS) },
      upstreamProtocolOptions: {
        $case: 'explicitHttpConfig',
        value: {
          protocolConfig: {
            $case: 'http2ProtocolOptions',
            value: { allowConnect: true, maxConcurrentStreams: STREAMS },
          },
        },
      },
    }),
    transportSocket: hboneUpstreamTls(trustDomains),
  });
}
