import type { Cidr } from '@weft/ip';
import { AUTOMATIC_RANGES } from './addresses/address-range.js';

export interface MeshModelConfig {
  /** Where mesh-wide policies live. */
  readonly rootNamespace: string;
  readonly trustDomain: string;
  readonly clusterId: string;
  readonly clusterDomain: string;
  /** Network of this cluster unless the root namespace says otherwise by `topology.istio.io/network`. */
  readonly network: string;
  readonly dryRunPoliciesEnabled: boolean;
  /** From each of them every host of a ServiceEntry without addresses gets one; none: off. Default `AUTOMATIC_RANGES`. */
  readonly automaticRanges?: readonly Cidr[];
}

export const automaticRangesOf = ({ automaticRanges }: MeshModelConfig): readonly Cidr[] =>
  automaticRanges ?? AUTOMATIC_RANGES;

/** On the wire the default trust domain is written as nothing. */
export const wireTrustDomain = ({ trustDomain }: MeshModelConfig): string =>
  trustDomain === 'cluster.local' ? '' : trustDomain;
