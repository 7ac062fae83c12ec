import { CLIENT_ADDRESS, coldAddress, SERVER_ADDRESS, SERVER_PORT, SERVICE_ADDRESS } from '../namespace-pair.js';
import { spiffeIdOf } from './bench-authority.js';

/** Where ztunnel listens for what pods send, hence the port of the service that is reached without a redirection. */
export const SERVICE_PORT = 15_001;
const SERVICE = 'bench/server.bench.svc.cluster.local';
const SERVICE_PORTS = { [SERVICE_PORT]: SERVER_PORT };

/** The two workloads, a service of the second, and the policies of the server, in the form that ztunnel's LOCAL_XDS_PATH takes. */
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
    services: name === 'server' ? { [SERVICE]: SERVICE_PORTS } : {},
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
    services: [
      {
        name: 'server',
        namespace: 'bench',
        hostname: 'server.bench.svc.cluster.local',
        vips: [`/${SERVICE_ADDRESS}`],
        ports: SERVICE_PORTS,
      },
    ],
    policies: [policy('allow-client', 'Allow', 'client'), policy('deny-other', 'Deny', 'other')],
  });
}
