import { CLIENT_ADDRESS, coldAddress, SERVER_ADDRESS } from '../namespace-pair.js';
import { spiffeIdOf } from './bench-authority.js';

/** The two workloads and the policies of the server, in the form that ztunnel's LOCAL_XDS_PATH takes. */
export function meshYaml(coldTargets: number): string {
  const serverAddresses = [SERVER_ADDRESS, ...Array.from({ length: coldTargets }, (_, n) => coldAddress(n))];
  const workload = (name: string, node: string, addresses: readonly string[], policies: readonly string[]): object => ({
    uid: `Kubernetes//Pod/bench/${name}`,
    name,
    namespace: 'bench',
    serviceAccount: name,
    workloadName: name,
    canonicalName: name,
    workloadType: 'Pod',
    trustDomain: 'cluster.local',
    node,
    workloadIps: addresses,
    protocol: 'HBONE',
    authorizationPolicies: policies,
  });
  const principal = (name: string): string => spiffeIdOf(name).slice('spiffe://'.length);
  const policy = (name: string, action: string, who: string): object => ({
    name,
    namespace: 'bench',
    scope: 'WorkloadSelector',
    action,
    rules: [[[{ principals: [{ Exact: principal(who) }] }]]],
  });
  // JSON is YAML.
  return JSON.stringify({
    workloads: [
      workload('client', 'source', [CLIENT_ADDRESS], []),
      workload('server', 'destination', serverAddresses, ['bench/allow-client', 'bench/deny-other']),
    ],
    policies: [policy('allow-client', 'Allow', 'client'), policy('deny-other', 'Deny', 'other')],
  });
}
