import { Cluster, Cluster_DiscoveryType, Cluster_LbPolicy } from '@weft/xds/gen/envoy/config/cluster/v3/cluster.js';
import { circuitBreakers } from '../clusters/circuit-breakers.js';
import type { EffectivePolicy } from '../clusters/effective-policy.js';
import { loadBalancing } from '../clusters/load-balancing.js';
import { ADS } from '../messages/config-source.js';

/** Round robin or a ring: gRPC clients know no other way that all of them know. */
export function proxylessCluster(name: string, policy: EffectivePolicy): Cluster {
  const { lbPolicy, lbConfig } = loadBalancing(policy.loadBalancer);
  const isHashed = lbPolicy === Cluster_LbPolicy.RING_HASH || lbPolicy === Cluster_LbPolicy.MAGLEV;
  const { maxRequests } = circuitBreakers(policy).thresholds?.[0] ?? {};
  return Cluster.fromPartial({
    name,
    clusterDiscoveryType: { $case: 'type', value: Cluster_DiscoveryType.EDS },
    edsClusterConfig: { edsConfig: ADS, serviceName: name },
    lbPolicy: isHashed ? Cluster_LbPolicy.RING_HASH : Cluster_LbPolicy.ROUND_ROBIN,
    ...(lbConfig?.$case === 'ringHashLbConfig' ? { lbConfig } : {}),
    circuitBreakers: { thresholds: maxRequests === undefined ? [] : [{ maxRequests }] },
  });
}
