export interface MeshModelConfig {
  /** Where mesh-wide policies live. */
  readonly rootNamespace: string;
  readonly trustDomain: string;
  readonly clusterId: string;
  readonly clusterDomain: string;
  /** Network of this cluster unless the root namespace says otherwise by `topology.istio.io/network`. */
  readonly network: string;
  readonly dryRunPoliciesEnabled: boolean;
}

/** On the wire the default trust domain is written as nothing. */
export const wireTrustDomain = ({ trustDomain }: MeshModelConfig): string =>
  trustDomain === 'cluster.local' ? '' : trustDomain;
