import { parseIp } from '@weft/ip';
import {
  LABEL_TUNNEL,
  LABEL_WORKLOAD_NAME,
  TUNNEL_HTTP,
  type ObjectMeta,
  type WorkloadEntrySpec,
} from '@weft/mesh-api';
import { TunnelProtocol, Workload, WorkloadStatus, WorkloadType } from '@weft/xds/gen/mesh/workload/workload.js';
import { canonicalServiceOf } from './canonical-service.js';
import { localityOfText } from './locality-of.js';
import { wireTrustDomain, type MeshModelConfig } from './mesh-model-config.js';
import type { ClaimedPort } from './service-claim.js';
import type { WorkloadServices } from './workload-services.js';

type Named = Pick<ObjectMeta, 'namespace' | 'name'>;

export const workloadEntryUid = ({ clusterId }: MeshModelConfig, { namespace, name }: Named): string =>
  `${clusterId}/networking.istio.io/WorkloadEntry/${namespace}/${name}`;

/** Of an endpoint that stands in a ServiceEntry. */
export const inlineEntryUid = ({ clusterId }: MeshModelConfig, { namespace, name }: Named, address: string): string =>
  `${clusterId}/networking.istio.io/ServiceEntry/${namespace}/${name}/${address}`;

export interface EntrySurroundings {
  readonly config: MeshModelConfig;
  readonly uid: string;
  /** Of the WorkloadEntry or the ServiceEntry. */
  readonly name: string;
  readonly namespace: string;
  readonly network: string;
  readonly captured: boolean;
  readonly services: WorkloadServices;
  readonly policies: readonly string[];
}

/** An endpoint outside Kubernetes. Null for what ztunnel cannot reach: a unix socket, or no address in this network. */
export function entryWorkload(entry: WorkloadEntrySpec, surroundings: EntrySurroundings): Workload | null {
  const { config, uid, name, namespace, captured, services, policies } = surroundings;
  const ip = parseIp(entry.address);
  if (entry.address === '' || entry.address.startsWith('unix://')) return null;
  const workloadName = entry.labels[LABEL_WORKLOAD_NAME] ?? name;
  const nativeTunnel = entry.labels[LABEL_TUNNEL] === TUNNEL_HTTP;
  return Workload.fromPartial({
    uid,
    name,
    namespace,
    addresses: ip === null ? [] : [Buffer.from(ip.bytes)],
    hostname: ip === null ? entry.address : '',
    network: entry.network === '' ? surroundings.network : entry.network,
    tunnelProtocol: captured || nativeTunnel ? TunnelProtocol.HBONE : TunnelProtocol.NONE,
    nativeTunnel,
    trustDomain: wireTrustDomain(config),
    serviceAccount: entry.serviceAccount,
    ...canonicalServiceOf(entry.labels, workloadName),
    workloadType: WorkloadType.POD,
    workloadName,
    authorizationPolicies: [...policies],
    status: WorkloadStatus.HEALTHY,
    clusterId: config.clusterId,
    services,
    locality: localityOfText(entry.locality),
    capacity: entry.weight,
  });
}

/** A port named like the service port, or like the target of a Service, overrides the number. */
export function entryTargetPort(
  entry: WorkloadEntrySpec,
  { name, servicePort, targetPort, targetName }: ClaimedPort,
): number {
  return entry.ports[targetName] ?? entry.ports[name] ?? (targetPort === 0 ? servicePort : targetPort);
}
