import { parseIp } from '@weft/ip';
import { LABEL_SERVICE_NAME, objectMetaOf } from '@weft/mesh-api';
import { NetworkMode, Workload, WorkloadStatus, WorkloadType } from '@weft/xds/gen/mesh/workload/workload.js';
import type { EndpointSliceObject } from './kube-objects.js';
import type { MeshModelConfig } from './mesh-model-config.js';
import type { ServiceClaim } from './service-claim.js';
import { workloadServices, type TargetPortOf } from './workload-services.js';

/** One endpoint of a slice: a pod, or an address of its own. */
export interface SliceEndpoint {
  readonly key: string;
  /** `Service/<ns>/<name>`, the key of the claim that it belongs to. */
  readonly claimKey: string;
  /** `<ns>/<name>`; empty for an endpoint that is no pod. */
  readonly pod: string;
  readonly namespace: string;
  readonly slice: string;
  readonly address: string;
  readonly ready: boolean;
  readonly node: string;
  /** Port by name of the service port. */
  readonly ports: Readonly<Record<string, number>>;
}

/** FQDN slices have no addresses to send traffic to and give nothing. */
export function endpointsOfSlice(slice: EndpointSliceObject): readonly SliceEndpoint[] {
  const { name, namespace, labels } = objectMetaOf(slice);
  const service = labels[LABEL_SERVICE_NAME] ?? '';
  if (service === '' || slice.addressType === 'FQDN') return [];
  const ports = Object.fromEntries(
    (slice.ports ?? []).flatMap(({ name: port = '', port: number, protocol = 'TCP' }) =>
      number !== undefined && protocol === 'TCP' ? [[port, number]] : [],
    ),
  );
  return (slice.endpoints ?? []).flatMap(({ addresses = [], conditions = {}, targetRef, nodeName = '' }) => {
    const pod = targetRef?.kind === 'Pod' ? `${targetRef.namespace ?? namespace}/${targetRef.name ?? ''}` : '';
    // Consumers take the first address of an endpoint; the API says that all lead to the same place.
    return addresses.slice(0, 1).flatMap((text) => {
      const address = parseIp(text)?.text;
      if (address === undefined) return [];
      return [
        {
          key: `${namespace}/${name}/${pod === '' ? address : pod}`,
          claimKey: `Service/${namespace}/${service}`,
          pod,
          namespace,
          slice: name,
          address,
          ready: conditions.ready ?? true,
          node: nodeName,
          ports,
        },
      ];
    });
  });
}

/** Slices name ports as the Service does, and carry the resolved number. */
export const sliceTargetPort =
  ({ ports }: SliceEndpoint): TargetPortOf =>
  ({ name }) =>
    ports[name];

/** An endpoint that is no pod: reachable, but nobody the mesh knows. Host network keeps its address out of the index of workloads. */
export function sliceWorkload(
  endpoint: SliceEndpoint,
  claim: ServiceClaim,
  config: MeshModelConfig,
  network: string,
): Workload {
  return Workload.fromPartial({
    uid: `${config.clusterId}/discovery.k8s.io/EndpointSlice/${endpoint.namespace}/${endpoint.slice}/${endpoint.address}`,
    name: endpoint.slice,
    namespace: endpoint.namespace,
    addresses: [Buffer.from(parseIp(endpoint.address)!.bytes)],
    network,
    node: endpoint.node,
    canonicalName: endpoint.slice,
    canonicalRevision: 'latest',
    workloadType: WorkloadType.POD,
    workloadName: endpoint.slice,
    status: endpoint.ready ? WorkloadStatus.HEALTHY : WorkloadStatus.UNHEALTHY,
    clusterId: config.clusterId,
    services: workloadServices([{ claim, targetPortOf: sliceTargetPort(endpoint) }]),
    networkMode: NetworkMode.HOST_NETWORK,
  });
}
