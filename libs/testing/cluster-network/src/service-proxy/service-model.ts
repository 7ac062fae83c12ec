import { parseIp } from '@weft/ip';
import { objectKey, type EndpointSlice, type KubeService } from '@weft/kube';

export type Family = 4 | 6;
export type Protocol = 'tcp' | 'udp' | 'sctp';

export interface Backend {
  readonly address: string;
  readonly port: number;
}

/** One port of one Service, as a node has to translate it. Addresses are canonical, all of one family. */
export interface ServicePort {
  /** `namespace/name:port` */
  readonly label: string;
  readonly protocol: Protocol;
  readonly vip: string;
  readonly port: number;
  /** Of load balancers: translated on every node, since there is no balancer before them. */
  readonly externalVips: readonly string[];
  /** Null: none. */
  readonly nodePort: number | null;
  /** Ready endpoints of the whole cluster, or serving terminating ones if none is ready; sorted. */
  readonly cluster: readonly Backend[];
  /** Those of this node. */
  readonly local: readonly Backend[];
  readonly internalLocal: boolean;
  readonly externalLocal: boolean;
  /** Null: no session affinity. */
  readonly affinitySeconds: number | null;
}

/** A Service that came second to an address or node port. It gets nothing there; the first keeps it. */
export interface Conflict {
  readonly loser: KubeService;
  readonly winner: KubeService;
  /** `ClusterIP 10.96.0.5`, `load balancer address 172.30.255.1` or `node port 30080/tcp` */
  readonly what: string;
}

export interface ServiceModel {
  readonly ports: readonly ServicePort[];
  readonly conflicts: readonly Conflict[];
}

export interface ModelInput {
  readonly services: readonly KubeService[];
  readonly slicesOf: (service: KubeService) => readonly EndpointSlice[];
  readonly node: string;
  readonly family: Family;
}

/** What the node has to translate. Headless and ExternalName Services need nothing; values that are no addresses are left out. */
export function serviceModel({ services, slicesOf, node, family }: ModelInput): ServiceModel {
  const claims = new Map<string, KubeService>();
  const conflicts: Conflict[] = [];
  const ports: ServicePort[] = [];
  const claim = (what: string, service: KubeService): boolean => {
    const winner = claims.get(what) ?? service;
    claims.set(what, winner);
    if (winner !== service) conflicts.push({ loser: service, winner, what });
    return winner === service;
  };
  for (const service of [...services].sort(byAge)) {
    const vip = vipOf(service, family);
    if (vip === null || !claim(`ClusterIP ${vip}`, service)) continue;
    const slices = slicesOf(service).filter(({ addressType }) => addressType === (family === 4 ? 'IPv4' : 'IPv6'));
    const externalVips = externalVipsOf(service, family).filter((ip) => claim(`load balancer address ${ip}`, service));
    for (const port of service.spec?.ports ?? []) {
      const modelled = portOf(service, port, { vip, externalVips, slices, node });
      const nodePort =
        modelled.nodePort !== null && claim(`node port ${modelled.nodePort}/${modelled.protocol}`, service)
          ? modelled.nodePort
          : null;
      ports.push({ ...modelled, nodePort });
    }
  }
  return { ports, conflicts };
}

/** First come, first served; names decide between those of one second. */
const byAge = (a: KubeService, b: KubeService): number =>
  (Date.parse(a.metadata?.creationTimestamp ?? '') || 0) - (Date.parse(b.metadata?.creationTimestamp ?? '') || 0) ||
  (objectKey(a) < objectKey(b) ? -1 : 1);

function vipOf({ spec }: KubeService, family: Family): string | null {
  if (spec === undefined || spec.type === 'ExternalName') return null;
  for (const text of spec.clusterIPs ?? [spec.clusterIP ?? '']) {
    const ip = parseIp(text);
    if (ip?.family === family) return ip.text;
  }
  return null;
}

function externalVipsOf({ spec, status }: KubeService, family: Family): readonly string[] {
  if (spec?.type !== 'LoadBalancer') return [];
  return (status?.loadBalancer?.ingress ?? []).flatMap(({ ip = '' }) => {
    const parsed = parseIp(ip);
    return parsed?.family === family ? [parsed.text] : [];
  });
}

type SpecPort = NonNullable<NonNullable<KubeService['spec']>['ports']>[number];

function portOf(
  service: KubeService,
  { name = '', port, protocol = 'TCP', nodePort }: SpecPort,
  at: { vip: string; externalVips: readonly string[]; slices: readonly EndpointSlice[]; node: string },
): ServicePort {
  const { spec } = service;
  const endpoints = usableEndpoints(at.slices, name, protocol);
  const affinity =
    spec?.sessionAffinity === 'ClientIP' ? (spec.sessionAffinityConfig?.clientIP?.timeoutSeconds ?? 10_800) : null;
  return {
    label: `${objectKey(service)}:${name || port}`,
    protocol: protocol.toLowerCase() as Protocol,
    vip: at.vip,
    externalVips: at.externalVips,
    port,
    nodePort: (spec?.type === 'NodePort' || spec?.type === 'LoadBalancer') && nodePort ? nodePort : null,
    cluster: endpoints.map(({ backend }) => backend),
    local: endpoints.filter(({ node }) => node === at.node).map(({ backend }) => backend),
    internalLocal: spec?.internalTrafficPolicy === 'Local',
    externalLocal: spec?.externalTrafficPolicy === 'Local',
    affinitySeconds: affinity,
  };
}

interface Usable {
  readonly backend: Backend;
  readonly node: string | undefined;
}

function usableEndpoints(slices: readonly EndpointSlice[], portName: string, protocol: string): Usable[] {
  const ready = new Map<string, Usable>();
  const draining = new Map<string, Usable>();
  for (const { ports = [], endpoints = [] } of slices) {
    const port = ports.find((each) => (each.name ?? '') === portName && (each.protocol ?? 'TCP') === protocol)?.port;
    if (port === undefined) continue;
    for (const { addresses, conditions = {}, nodeName } of endpoints) {
      const address = parseIp(addresses[0] ?? '')?.text;
      if (address === undefined) continue;
      const usable = { backend: { address, port }, node: nodeName };
      // An absent condition means ready, by the API.
      if (conditions.ready ?? true) ready.set(`${address} ${port}`, usable);
      else if (conditions.serving && conditions.terminating) draining.set(`${address} ${port}`, usable);
    }
  }
  return [...(ready.size > 0 ? ready : draining)].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, usable]) => usable);
}
