import { selectorMatches, type Subset } from '@weft/mesh-api';
import { ipFromBytes } from '@weft/ip';
import { TunnelProtocol, WorkloadStatus, NetworkMode, type Workload } from '@weft/xds/gen/mesh/workload/workload.js';
import type { VipEndpoint } from './vip-endpoints.js';

export interface ServiceEndpoint extends VipEndpoint {
  /** Port of the service that it is for. */
  readonly servicePort: number;
}

/**
 * Where the ports of a service are served by a workload. One that takes no new connections is left out: Envoy lets what runs
 * there come to its end.
 */
export function serviceEndpoints(
  workload: Workload,
  serviceKey: string,
  labels: Readonly<Record<string, string>>,
): readonly ServiceEndpoint[] {
  const ip = workload.addresses[0] === undefined ? null : ipFromBytes(workload.addresses[0]);
  const host = ip?.text ?? workload.hostname;
  const ports = workload.services[serviceKey]?.ports ?? [];
  if (host === '' || workload.status !== WorkloadStatus.HEALTHY) return [];
  const { locality } = workload;
  return ports.map(({ servicePort, targetPort }) => ({
    servicePort,
    host,
    isName: ip === null,
    port: targetPort,
    hbone: workload.tunnelProtocol === TunnelProtocol.HBONE && workload.networkMode === NetworkMode.STANDARD,
    weight: workload.capacity ?? 1,
    locality: { region: locality?.region ?? '', zone: locality?.zone ?? '', subzone: locality?.subzone ?? '' },
    node: workload.node,
    network: workload.network,
    labels,
    workload: {
      name: workload.workloadName,
      namespace: workload.namespace,
      serviceAccount: workload.serviceAccount || 'default',
      trustDomain: workload.trustDomain || 'cluster.local',
      canonicalName: workload.canonicalName,
      canonicalRevision: workload.canonicalRevision,
      clusterId: workload.clusterId || 'Kubernetes',
    },
  }));
}

/** Those of one port, and of one subset if there is one. */
export const endpointsOfSubset = (
  endpoints: readonly ServiceEndpoint[],
  port: number,
  subset: Subset | undefined,
): readonly ServiceEndpoint[] =>
  endpoints.filter(({ servicePort, labels }) => servicePort === port && selectorMatches(subset?.labels ?? {}, labels));
