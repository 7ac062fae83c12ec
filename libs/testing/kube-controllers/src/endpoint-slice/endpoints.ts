import type { EndpointSlice, KubeService, Node, Pod } from '@weft/kube';
import { parseIp } from '@weft/ip';
import { isReady } from '../model/pod-state.js';

export type Endpoint = NonNullable<EndpointSlice['endpoints']>[number];
export type EndpointPort = NonNullable<EndpointSlice['ports']>[number];

/** Endpoints that share one address family and one set of resolved ports, so may share slices. */
export interface EndpointGroup {
  readonly addressType: 'IPv4' | 'IPv6';
  readonly ports: readonly EndpointPort[];
  /** Sorted by address. */
  readonly endpoints: readonly Endpoint[];
}

export const groupKey = (addressType: string, ports: readonly EndpointPort[]): string => {
  const texts = ports.map(
    ({ name = '', port, protocol = 'TCP', appProtocol = '' }) => `${name} ${port ?? ''} ${protocol} ${appProtocol}`,
  );
  return `${addressType} ${texts.sort().join(', ')}`;
};

/**
 * The endpoints of a Service: its pods that have an address and did not finish. A named target port is looked up in each pod,
 * so pods of two versions may end in two groups; a pod without that port offers only the others.
 */
export function endpointGroups(
  service: KubeService,
  pods: readonly Pod[],
  nodeOf: (name: string) => Node | undefined,
): EndpointGroup[] {
  const groups = new Map<string, { addressType: 'IPv4' | 'IPv6'; ports: EndpointPort[]; endpoints: Endpoint[] }>();
  for (const addressType of addressTypes(service)) {
    for (const pod of pods) {
      const address = addressOf(pod, addressType);
      if (address === null || pod.status?.phase === 'Succeeded' || pod.status?.phase === 'Failed') continue;
      const ports = portsOf(service, pod);
      const key = groupKey(addressType, ports);
      const group = groups.get(key) ?? { addressType, ports, endpoints: [] };
      groups.set(key, group);
      group.endpoints.push(endpointOf(service, pod, address, nodeOf));
    }
  }
  for (const group of groups.values()) group.endpoints.sort((a, b) => (a.addresses[0]! < b.addresses[0]! ? -1 : 1));
  return [...groups.values()];
}

/** A headless Service without families of its own follows the cluster, which speaks IPv4 unless told otherwise. */
export function addressTypes({ spec }: KubeService): ('IPv4' | 'IPv6')[] {
  const families = spec?.ipFamilies?.filter((family) => family === 'IPv4' || family === 'IPv6') ?? [];
  if (families.length > 0) return families;
  return spec?.clusterIP !== undefined && parseIp(spec.clusterIP)?.family === 6 ? ['IPv6'] : ['IPv4'];
}

function addressOf({ status }: Pod, addressType: 'IPv4' | 'IPv6'): string | null {
  const addresses = status?.podIPs?.map(({ ip }) => ip) ?? (status?.podIP === undefined ? [] : [status.podIP]);
  return addresses.find((ip) => parseIp(ip)?.family === (addressType === 'IPv4' ? 4 : 6)) ?? null;
}

function portsOf(service: KubeService, pod: Pod): EndpointPort[] {
  return (service.spec?.ports ?? []).flatMap(({ name, port, targetPort, protocol = 'TCP', appProtocol }) => {
    const number = resolvePort(
      pod,
      targetPort === undefined || targetPort === 0 || targetPort === '' ? port : targetPort,
      protocol,
    );
    if (number === null) return [];
    return [{ name: name ?? '', port: number, protocol, ...(appProtocol === undefined ? {} : { appProtocol }) }];
  });
}

function resolvePort(pod: Pod, target: number | string, protocol: string): number | null {
  if (typeof target === 'number') return target;
  if (/^\d+$/.test(target)) return Number(target);
  const sidecars = (pod.spec?.initContainers ?? []).filter(({ restartPolicy }) => restartPolicy === 'Always');
  for (const { ports = [] } of [...(pod.spec?.containers ?? []), ...sidecars]) {
    const named = ports.find((port) => port.name === target && (port.protocol ?? 'TCP') === protocol);
    if (named !== undefined) return named.containerPort;
  }
  return null;
}

function endpointOf(
  service: KubeService,
  pod: Pod,
  address: string,
  nodeOf: (name: string) => Node | undefined,
): Endpoint {
  const { name = '', namespace = '', uid = '', deletionTimestamp } = pod.metadata ?? {};
  const serving = isReady(pod);
  const terminating = deletionTimestamp !== undefined;
  const ready = service.spec?.publishNotReadyAddresses === true || (serving && !terminating);
  const { hostname, subdomain, nodeName } = pod.spec ?? {};
  const zone = nodeName === undefined ? undefined : nodeOf(nodeName)?.metadata?.labels?.['topology.kubernetes.io/zone'];
  return {
    addresses: [address],
    conditions: { ready, serving, terminating },
    ...(hostname && subdomain === service.metadata?.name ? { hostname } : {}),
    ...(nodeName ? { nodeName } : {}),
    ...(zone === undefined ? {} : { zone }),
    targetRef: { kind: 'Pod', name, namespace, uid },
  };
}
