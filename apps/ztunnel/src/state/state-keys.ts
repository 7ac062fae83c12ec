import type { CompiledPolicy } from '@weft/policy';

/**
 * Names of what a decision can depend on. A change of the mesh yields the keys that it touches; whoever was answered by one
 * of them has to ask again.
 */
export const stateKeys = {
  workload: (uid: string) => `workload ${uid}`,
  ip: (network: string, ip: string) => `ip ${network}/${ip}`,
  /** The service itself and its endpoints. */
  service: (key: string) => `service ${key}`,
  /** Services and workloads of this name. */
  hostname: (hostname: string) => `hostname ${hostname}`,
  /** What the name servers say of it. */
  resolved: (hostname: string) => `resolved ${hostname}`,
  /** Any change among the CIDR addresses of a network. */
  cidrs: (network: string) => `cidrs ${network}`,
  policyByName: (key: string) => `policy ${key}`,
  policiesOfNamespace: (namespace: string) => `policies of ${namespace}`,
  globalPolicies: () => 'global policies',
} as const;

export function keyOfPolicy({ scope, namespace, key }: Pick<CompiledPolicy, 'scope' | 'namespace' | 'key'>): string {
  if (scope === 'global') return stateKeys.globalPolicies();
  return scope === 'namespace' ? stateKeys.policiesOfNamespace(namespace) : stateKeys.policyByName(key);
}

export function isPolicyKey(key: string): boolean {
  return key.startsWith('policy ') || key.startsWith('policies of ') || key === stateKeys.globalPolicies();
}
