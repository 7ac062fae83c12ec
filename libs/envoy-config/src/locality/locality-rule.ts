import {
  LABEL_CLUSTER,
  LABEL_NETWORK,
  LABEL_REGION,
  LABEL_SUBZONE,
  LABEL_ZONE,
  type LocalityLbSetting,
} from '@weft/mesh-api';
import type { ServiceClaim } from '@weft/mesh-model';
import { LoadBalancing_Mode as Mode, LoadBalancing_Scope as Scope } from '@weft/xds/gen/mesh/workload/workload.js';
import type { EffectivePolicy } from '../clusters/effective-policy.js';

/** Kubernetes' label of a node that is its name. */
export const LABEL_HOSTNAME = 'kubernetes.io/hostname';

/** How the place of a proxy counts for the choice of endpoints. */
export type LocalityRule =
  /** Shares of the localities, in percent, by the locality of the proxy. */
  | { readonly kind: 'distribute'; readonly shares: readonly LocalityShares[] }
  /** The nearest first; from a region that has a rule, to that region before others. */
  | { readonly kind: 'failover'; readonly regions: readonly { readonly from?: string; readonly to?: string }[] }
  /** Those first that agree with the proxy in more of these labels, from the first on; `key=value`: whatever the proxy has. */
  | { readonly kind: 'labels'; readonly labels: readonly string[] }
  /** Only those that agree with the proxy in all of these labels, though there be none. */
  | { readonly kind: 'only'; readonly labels: readonly string[] };

export interface LocalityShares {
  readonly from?: string;
  readonly to: Readonly<Record<string, number>>;
}

const LABELS: Readonly<Partial<Record<Scope, string>>> = {
  [Scope.NETWORK]: LABEL_NETWORK,
  [Scope.CLUSTER]: LABEL_CLUSTER,
  [Scope.REGION]: LABEL_REGION,
  [Scope.ZONE]: LABEL_ZONE,
  [Scope.SUBZONE]: LABEL_SUBZONE,
  [Scope.NODE]: LABEL_HOSTNAME,
};

/** What says of a service besides its DestinationRules. */
export interface LocalityHints {
  readonly loadBalancing?: ServiceClaim['loadBalancing'];
  /** Of MeshConfig. */
  readonly ofMesh?: LocalityLbSetting | undefined;
}

/**
 * Null: all endpoints are alike. A service whose traffic is to stay on its node has no choice; otherwise a DestinationRule counts
 * before the traffic distribution of the Service, and that before the mesh. Without outlier detection nobody would know
 * when to go further, so that only a traffic distribution asks for the nearest then.
 *
 * @see https://istio.io/latest/docs/reference/config/networking/destination-rule/#LocalityLoadBalancerSetting
 */
export function localityRule(
  { loadBalancer, outlierDetection }: EffectivePolicy,
  { loadBalancing, ofMesh }: LocalityHints,
): LocalityRule | null {
  const { mode } = loadBalancing ?? {};
  const preferred = (loadBalancing?.routingPreference ?? []).flatMap((scope) => LABELS[scope] ?? []);
  if (mode === Mode.STRICT) return { kind: 'only', labels: preferred };
  const { localityLbSetting, zoneAwareLbSetting } = loadBalancer ?? {};
  const own = zoneAwareLbSetting ?? localityLbSetting;
  if (own === undefined && mode === Mode.FAILOVER) return { kind: 'labels', labels: preferred };
  const setting = own ?? ofMesh;
  if (setting?.enabled === false) return null;
  const shares = (own === undefined ? ofMesh : localityLbSetting)?.distribute ?? [];
  if (shares.length > 0) return { kind: 'distribute', shares };
  if (outlierDetection === undefined) return null;
  const labels = setting?.failoverPriority ?? [];
  return labels.length > 0 ? { kind: 'labels', labels } : { kind: 'failover', regions: setting?.failover ?? [] };
}
