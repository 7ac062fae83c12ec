import {
  LoadBalancing,
  LoadBalancing_HealthPolicy as HealthPolicy,
  LoadBalancing_Mode as Mode,
  LoadBalancing_Scope as Scope,
} from '@weft/xds/gen/mesh/workload/workload.js';

export interface LoadBalancingHints {
  /** Service.spec.internalTrafficPolicy */
  readonly internalTrafficPolicy?: string | undefined;
  /** The first one given counts: the spec, then the annotations of the object, then those of its namespace. */
  readonly trafficDistribution: readonly (string | undefined)[];
  readonly publishNotReadyAddresses?: boolean | undefined;
  /** Connections go where the client meant them to go. */
  readonly passthrough?: boolean;
}

const CLOSE = [Scope.NETWORK, Scope.REGION, Scope.ZONE];
const SAME_NODE = [...CLOSE, Scope.SUBZONE, Scope.NODE];
/** Lower case, as the annotation is read without regard to case. */
const DISTRIBUTIONS: Readonly<Record<string, readonly Scope[]>> = {
  preferclose: CLOSE,
  prefersamezone: CLOSE,
  prefersamenode: SAME_NODE,
};

/** Undefined: any healthy endpoint. */
export function loadBalancingOf(hints: LoadBalancingHints): LoadBalancing | undefined {
  if (hints.passthrough)
    return LoadBalancing.fromPartial({ mode: Mode.PASSTHROUGH, healthPolicy: HealthPolicy.ALLOW_ALL });
  const healthPolicy = hints.publishNotReadyAddresses ? HealthPolicy.ALLOW_ALL : HealthPolicy.ONLY_HEALTHY;
  if (hints.internalTrafficPolicy === 'Local') {
    return LoadBalancing.fromPartial({ mode: Mode.STRICT, routingPreference: [Scope.NODE], healthPolicy });
  }
  const distribution =
    hints.trafficDistribution.find((value) => value !== undefined && value !== '')?.toLowerCase() ?? '';
  if (Object.hasOwn(DISTRIBUTIONS, distribution)) {
    return LoadBalancing.fromPartial({
      mode: Mode.FAILOVER,
      routingPreference: [...DISTRIBUTIONS[distribution]!],
      healthPolicy,
    });
  }
  return hints.publishNotReadyAddresses ? LoadBalancing.fromPartial({ healthPolicy }) : undefined;
}
