import { parseIp, type IpAddress } from '@weft/ip';
import {
  ANNOTATION_REDIRECTION,
  LABEL_NETWORK,
  LABEL_TUNNEL,
  objectMetaOf,
  poolClaimOf,
  REDIRECTION_ENABLED,
  TUNNEL_HTTP,
} from '@weft/mesh-api';
import {
  NetworkMode,
  TunnelProtocol,
  Workload,
  WorkloadStatus,
  WorkloadType,
  type GatewayAddress,
  type Locality,
} from '@weft/xds/gen/mesh/workload/workload.js';
import { canonicalServiceOf } from './canonical-service.js';
import type { PodObject } from './kube-objects.js';
import { wireTrustDomain, type MeshModelConfig } from './mesh-model-config.js';
import type { ClaimedPort } from './service-claim.js';
import type { WorkloadServices } from './workload-services.js';
import { workloadNameOf } from './workload-owner.js';

/** What a pod's workload takes from elsewhere. */
export interface PodSurroundings {
  readonly config: MeshModelConfig;
  readonly network: string;
  readonly locality: Locality | undefined;
  readonly services: WorkloadServices;
  /** `namespace/name` of the policies that select it, sorted. */
  readonly policies: readonly string[];
  readonly waypoint: GatewayAddress | undefined;
}

/** Addresses of a pod that can take part: it has not ended. */
export function podAddresses({ status = {} }: PodObject): readonly IpAddress[] {
  if (status.phase === 'Succeeded' || status.phase === 'Failed') return [];
  const texts =
    status.podIPs && status.podIPs.length > 0 ? status.podIPs.map(({ ip = '' }) => ip) : [status.podIP ?? ''];
  return texts.flatMap((text) => parseIp(text) ?? []);
}

export const isHostNetwork = (pod: PodObject): boolean => pod.spec?.hostNetwork === true;

/** Null for a pod without addresses. Whether it is captured is what the node agent observed, not what labels wish. */
export function podWorkload(pod: PodObject, surroundings: PodSurroundings): Workload | null {
  const { config, locality, services, policies } = surroundings;
  const meta = objectMetaOf(pod);
  const claim = poolClaimOf(pod, config.rootNamespace);
  const addresses = podAddresses(pod);
  if (meta.name === '' || addresses.length === 0) return null;
  const workloadName = workloadNameOf(pod);
  const nativeTunnel = meta.labels[LABEL_TUNNEL] === TUNNEL_HTTP;
  const captured = meta.annotations[ANNOTATION_REDIRECTION] === REDIRECTION_ENABLED;
  return Workload.fromPartial({
    uid: `${config.clusterId}//Pod/${meta.namespace}/${meta.name}`,
    name: meta.name,
    // A proxy of the pool is, for everybody who meets it, one of the Gateway that has claimed it.
    namespace: claim?.namespace ?? meta.namespace,
    addresses: addresses.map(({ bytes }) => Buffer.from(bytes)),
    network: meta.labels[LABEL_NETWORK] ?? surroundings.network,
    tunnelProtocol: captured || nativeTunnel ? TunnelProtocol.HBONE : TunnelProtocol.NONE,
    nativeTunnel,
    trustDomain: wireTrustDomain(config),
    serviceAccount: claim?.serviceAccount ?? (pod.spec?.serviceAccountName || 'default'),
    node: pod.spec?.nodeName ?? '',
    ...canonicalServiceOf(meta.labels, workloadName),
    // Istio always says POD here, and readers of baggage depend on it.
    workloadType: WorkloadType.POD,
    workloadName,
    authorizationPolicies: [...policies],
    status: isReady(pod) ? WorkloadStatus.HEALTHY : WorkloadStatus.UNHEALTHY,
    clusterId: config.clusterId,
    services,
    waypoint: surroundings.waypoint,
    locality,
    networkMode: isHostNetwork(pod) ? NetworkMode.HOST_NETWORK : NetworkMode.STANDARD,
  });
}

/** A pod that is being deleted takes no new connections, ready or not. */
export function isReady({ metadata, status }: PodObject): boolean {
  if (metadata?.deletionTimestamp !== undefined) return false;
  return status?.conditions?.some((condition) => condition.type === 'Ready' && condition.status === 'True') ?? false;
}

/** A named target port is resolved on the pod; a name it does not have leaves the port out. */
export function podTargetPort({ spec = {} }: PodObject, { targetPort, targetName }: ClaimedPort): number | undefined {
  if (targetName === '') return targetPort;
  for (const { ports = [] } of [...(spec.containers ?? []), ...(spec.initContainers ?? [])]) {
    const found = ports.find(({ name, protocol = 'TCP' }) => name === targetName && protocol === 'TCP');
    if (found?.containerPort !== undefined) return found.containerPort;
  }
  return undefined;
}
