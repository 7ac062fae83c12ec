import type { LoadBalancer } from '@weft/mesh-api';
import { Cluster_LbPolicy, type Cluster } from '@weft/xds/gen/envoy/config/cluster/v3/cluster.js';
import type { RouteAction_HashPolicy } from '@weft/xds/gen/envoy/config/route/v3/route_components.js';
import type { Draft } from '../messages/draft.js';
import { duration } from '../messages/duration.js';

type Fields = Pick<Draft<typeof Cluster>, 'lbPolicy' | 'lbConfig'>;
type HashPolicyDraft = Draft<typeof RouteAction_HashPolicy>;

const MIN_RING = 1024;
/** Envoy refuses a cluster that wants more. */
const MAX_RING = 8_388_608;

/** How a cluster chooses among its endpoints. `PASSTHROUGH` is for clusters that have none of their own; here it counts as the default. */
export function loadBalancing(balancer: LoadBalancer | undefined): Fields {
  const hash = balancer?.consistentHash;
  if (hash !== undefined && hashPolicyOf(balancer).length > 0) {
    if (hash.maglev !== undefined) {
      const { tableSize } = hash.maglev;
      return {
        lbPolicy: Cluster_LbPolicy.MAGLEV,
        ...(tableSize === undefined
          ? {}
          : { lbConfig: { $case: 'maglevLbConfig', value: { tableSize: BigInt(tableSize) } } }),
      };
    }
    const minimum = Math.min(hash.ringHash?.minimumRingSize ?? hash.minimumRingSize ?? MIN_RING, MAX_RING);
    return {
      lbPolicy: Cluster_LbPolicy.RING_HASH,
      lbConfig: { $case: 'ringHashLbConfig', value: { minimumRingSize: BigInt(minimum) } },
    };
  }
  const slowStartConfig = slowStartOf(balancer);
  if (balancer?.simple === 'RANDOM') return { lbPolicy: Cluster_LbPolicy.RANDOM };
  if (balancer?.simple === 'ROUND_ROBIN') {
    return {
      lbPolicy: Cluster_LbPolicy.ROUND_ROBIN,
      ...(slowStartConfig === undefined
        ? {}
        : { lbConfig: { $case: 'roundRobinLbConfig', value: { slowStartConfig } } }),
    };
  }
  return {
    lbPolicy: Cluster_LbPolicy.LEAST_REQUEST,
    ...(slowStartConfig === undefined
      ? {}
      : { lbConfig: { $case: 'leastRequestLbConfig', value: { slowStartConfig } } }),
  };
}

function slowStartOf(balancer: LoadBalancer | undefined) {
  const windowMs = balancer?.warmup?.duration ?? balancer?.warmupDurationSecs;
  if (windowMs === undefined || windowMs === 0) return undefined;
  const { aggression, minimumPercent } = balancer?.warmup ?? {};
  return {
    slowStartWindow: duration(windowMs),
    aggression: { defaultValue: aggression ?? 1, runtimeKey: 'weft.slow_start.aggression' },
    minWeightPercent: { value: minimumPercent ?? 10 },
  };
}

/** What requests are told apart by, for routes to clusters with consistent hashing. */
export function hashPolicyOf(balancer: LoadBalancer | undefined): readonly HashPolicyDraft[] {
  const hash = balancer?.consistentHash;
  if (hash?.httpHeaderName !== undefined)
    return [{ policySpecifier: { $case: 'header', value: { headerName: hash.httpHeaderName } } }];
  if (hash?.httpQueryParameterName !== undefined)
    return [{ policySpecifier: { $case: 'queryParameter', value: { name: hash.httpQueryParameterName } } }];
  if (hash?.useSourceIp === true)
    return [{ policySpecifier: { $case: 'connectionProperties', value: { sourceIp: true } } }];
  if (hash?.httpCookie === undefined) return [];
  const { name, path, ttl, attributes } = hash.httpCookie;
  return [
    {
      policySpecifier: {
        $case: 'cookie',
        value: {
          name,
          path: path ?? '',
          ...(ttl === undefined ? {} : { ttl: duration(ttl) }),
          attributes: attributes.map((one) => ({ name: one.name, value: one.value ?? '' })),
        },
      },
    },
  ];
}
