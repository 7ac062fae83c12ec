import { ENDPOINT_SLICES, SERVICES, type EndpointSlice, type KubeClient, type KubeService } from '@weft/kube';
import { startAll, type Logger, type Service } from '@weft/runtime';
import { ClusterDns, ServiceProxy, ServiceView } from '@weft/testing-cluster-network';
import type { ClusterNode } from '../node/cluster-node.js';
import type { NetworkPlan } from './cluster-options.js';

export interface ClusterNetworkOptions {
  readonly kube: KubeClient;
  readonly nodes: readonly ClusterNode[];
  readonly network: NetworkPlan;
  readonly log: Logger;
}

const STOP_MS = 2_000;
const DNS_NAME = 'kube-dns';
const SYSTEM_NAMESPACE = 'kube-system';

/**
 * Service addresses on each node, and the cluster's DNS behind one of them. The DNS runs beside the API server, not in a pod, so
 * its Service has no selector. Returns what stops them.
 */
export async function startClusterNetwork({
  kube,
  nodes,
  network,
  log,
}: ClusterNetworkOptions): Promise<() => Promise<void>> {
  const view = new ServiceView(kube);
  const dns = new ClusterDns({
    kube,
    clusterDomain: network.clusterDomain,
    listen: network.families.map(({ rootAddress }) => ({ host: rootAddress, port: 53 })),
    log,
    view,
  });
  const proxies = nodes.flatMap((node) =>
    network.families.map(
      ({ family, podCidr }): Service =>
        new ServiceProxy({
          kube,
          node: node.name,
          run: (argv, stdin) => node.run(argv, { stdin }),
          log,
          family,
          podCidr,
          view,
        }),
    ),
  );
  const [stop] = await Promise.all([startAll([view, dns, ...proxies], STOP_MS), publishDns(kube, network)]);
  return stop;
}

async function publishDns(kube: KubeClient, { primary }: NetworkPlan): Promise<void> {
  const ports = [
    { name: 'dns', protocol: 'UDP', port: 53 },
    { name: 'dns-tcp', protocol: 'TCP', port: 53 },
  ];
  const labels = { 'k8s-app': DNS_NAME, 'kubernetes.io/name': 'CoreDNS' };
  const service: KubeService = {
    metadata: { name: DNS_NAME, namespace: SYSTEM_NAMESPACE, labels },
    spec: { clusterIP: primary.dnsAddress, ports: ports.map((port) => ({ ...port, targetPort: 53 })) },
  };
  await kube.createOrGet(SERVICES, service);
  const slice: EndpointSlice = {
    metadata: {
      name: DNS_NAME,
      namespace: SYSTEM_NAMESPACE,
      labels: { 'kubernetes.io/service-name': DNS_NAME, 'endpointslice.kubernetes.io/managed-by': 'local-cluster' },
    },
    addressType: primary.family === 4 ? 'IPv4' : 'IPv6',
    endpoints: [{ addresses: [primary.rootAddress], conditions: { ready: true, serving: true, terminating: false } }],
    ports,
  };
  await kube.createOrGet(ENDPOINT_SLICES, slice);
}
