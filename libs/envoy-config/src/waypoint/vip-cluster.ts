import { Cluster, Cluster_DiscoveryType, Cluster_LbPolicy } from '@weft/xds/gen/envoy/config/cluster/v3/cluster.js';
import { NO_LIMITS } from '../clusters/circuit-breakers.js';
import { httpProtocolOptions } from '../clusters/http-protocol.js';
import { hboneSocket } from '../connections/internal-socket.js';
import { METADATA_ISTIO } from '../connections/well-known-keys.js';
import { ADS } from '../messages/config-source.js';
import { duration } from '../messages/duration.js';
import type { MeshSettings } from './mesh-settings.js';
import type { VipPort, VipService } from './vip-service.js';

export interface VipClusterOptions {
  readonly name: string;
  readonly stack: 'http' | 'tcp';
  readonly mesh: MeshSettings;
}

/** Where the traffic of one service port goes. */
export function vipCluster(service: VipService, port: VipPort, { name, stack, mesh }: VipClusterOptions): Cluster {
  const { hostname, name: serviceName, namespace } = service;
  return Cluster.fromPartial({
    name,
    altStatName: `${name};`,
    clusterDiscoveryType: { $case: 'type', value: Cluster_DiscoveryType.EDS },
    edsClusterConfig: { edsConfig: ADS, serviceName: name },
    connectTimeout: duration(mesh.connectTimeoutMs),
    lbPolicy: Cluster_LbPolicy.LEAST_REQUEST,
    commonLbConfig: { healthyPanicThreshold: { value: 0 } },
    circuitBreakers: NO_LIMITS,
    transportSocket: hboneSocket(),
    metadata: {
      filterMetadata: { [METADATA_ISTIO]: { services: [{ host: hostname, name: serviceName, namespace }] } },
    },
    ...(stack === 'http' ? { typedExtensionProtocolOptions: upstreamProtocol(port) } : {}),
  });
}

/** HTTP/2 where the service says so, the client's version where nobody knows, else HTTP/1.1. */
function upstreamProtocol({ protocol }: VipPort) {
  if (protocol === 'http2') {
    return httpProtocolOptions({
      upstreamProtocolOptions: {
        $case: 'explicitHttpConfig',
        value: { protocolConfig: { $case: 'http2ProtocolOptions', value: {} } },
      },
    });
  }
  if (protocol === 'auto') {
    return httpProtocolOptions({
      upstreamProtocolOptions: {
        $case: 'useDownstreamProtocolConfig',
        value: { httpProtocolOptions: {}, http2ProtocolOptions: {} },
      },
    });
  }
  return httpProtocolOptions({
    upstreamProtocolOptions: {
      $case: 'explicitHttpConfig',
      value: { protocolConfig: { $case: 'httpProtocolOptions', value: {} } },
    },
  });
}
