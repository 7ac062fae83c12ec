import type { IpAddress } from '@weft/ip';
import type { Endpoint, MeshView } from '../state/mesh-view.js';
import type { RoutingScope, Service } from '../state/service.js';
import type { Workload } from '../state/workload.js';

/** An endpoint that traffic may go to. */
export interface Upstream {
  readonly workload: Workload;
  readonly service: Service | null;
  /** Null: it is on another network, behind `workload.networkGateway`. */
  readonly ip: IpAddress | null;
  /** Where the application listens. */
  readonly port: number;
  readonly weight: number;
}

export interface LoadBalanceRequest {
  readonly client: Workload;
  readonly service: Service;
  readonly servicePort: number;
  /** Of the original destination: an endpoint's address of its family is preferred, an equal address wins. */
  readonly wanted: IpAddress;
  /**
   * `waypoint`: the port may be one that only the application tunnel knows. `gateway`: the endpoints are the door to another
   * network, so they are dialled by their own address wherever they are.
   */
  readonly purpose: 'standard' | 'waypoint' | 'gateway';
}

/**
 * The endpoints among which connections to a service are drawn, with weights: usable ones, of the best locality rank.
 * Empty means no healthy upstream.
 */
export function loadBalance(view: MeshView, request: LoadBalanceRequest): readonly Upstream[] {
  const usable = view.endpoints(request.service).flatMap((endpoint) => candidates(view, endpoint, request));
  return bestRank(usable, request).filter(({ weight }) => weight > 0);
}

/** More than one only where a name has several addresses: they share the endpoint's weight. */
function candidates(view: MeshView, endpoint: Endpoint, request: LoadBalanceRequest): readonly Upstream[] {
  const { client, service, servicePort, wanted, purpose } = request;
  const { workload } = endpoint;
  if (!service.ports.has(servicePort)) {
    if (purpose === 'standard' || workload.applicationTunnel === null) return [];
  }
  const port = targetPort(endpoint, service, servicePort) ?? (purpose === 'waypoint' ? servicePort : null);
  if (port === null) return [];
  const common = { workload, service, port };
  if (purpose !== 'gateway' && workload.network !== client.network) {
    return workload.networkGateway === null ? [] : [{ ...common, ip: null, weight: workload.capacity }];
  }
  const addresses = dialAddresses(view, workload, service, wanted);
  return addresses.map((ip) => ({ ...common, ip, weight: workload.capacity / addresses.length }));
}

/** The endpoint's own port, else the service's; a tunnel that overrides the port needs neither. */
export function targetPort({ workload, ports }: Endpoint, service: Service, servicePort: number): number | null {
  const own = ports.get(servicePort) ?? 0;
  if (own !== 0) return own;
  const declared = service.ports.get(servicePort) ?? 0;
  if (declared !== 0) return declared;
  return workload.applicationTunnel?.port != null ? servicePort : null;
}

/**
 * Where a workload is dialled: one of its addresses, or, when it has a name instead, all that the name stands for in the
 * wanted family. Empty: nowhere, or not yet known.
 */
export function dialAddresses(
  view: MeshView,
  workload: Workload,
  service: Service | null,
  wanted: IpAddress,
): readonly IpAddress[] {
  const byName = workload.addresses.length === 0 && workload.hostname !== '';
  const allowed = ofFamilies(byName ? view.resolved(workload.hostname) : workload.addresses, service);
  const equal = workload.addresses.find(({ text }) => text === wanted.text);
  if (equal !== undefined) return [equal];
  const preferred = allowed.filter(({ family }) => family === wanted.family);
  const usable = preferred.length > 0 ? preferred : allowed;
  return byName ? usable : usable.slice(0, 1);
}

function ofFamilies(addresses: readonly IpAddress[], service: Service | null): readonly IpAddress[] {
  const only = service?.ipFamilies === 'IPV4_ONLY' ? 4 : service?.ipFamilies === 'IPV6_ONLY' ? 6 : null;
  return only === null ? addresses : addresses.filter(({ family }) => family === only);
}

function bestRank(upstreams: readonly Upstream[], { client, service }: LoadBalanceRequest): readonly Upstream[] {
  const { mode, preferences } = service.loadBalancing;
  if (mode !== 'STRICT' && mode !== 'FAILOVER') return upstreams;
  let bestSoFar = -1;
  let chosen: Upstream[] = [];
  for (const upstream of upstreams) {
    const { rank, matchesAll } = localityRank(preferences, client, upstream.workload);
    if ((mode === 'STRICT' && !matchesAll) || rank < bestSoFar) continue;
    if (rank > bestSoFar) chosen = [];
    bestSoFar = rank;
    chosen.push(upstream);
  }
  return chosen;
}

/**
 * Preferences that match from the left without a gap. A first preference NETWORK is different: matching it outweighs all
 * others together, and failing it does not end the count.
 */
function localityRank(
  preferences: readonly RoutingScope[],
  client: Workload,
  endpoint: Workload,
): { rank: number; matchesAll: boolean } {
  let rank = 0;
  let matchesAll = true;
  for (const [index, scope] of preferences.entries()) {
    const leadingNetwork = index === 0 && scope === 'NETWORK';
    if (sameScope(scope, client, endpoint)) {
      rank += leadingNetwork ? preferences.length : 1;
    } else {
      matchesAll = false;
      if (!leadingNetwork) break;
    }
  }
  return { rank, matchesAll };
}

function sameScope(scope: RoutingScope, a: Workload, b: Workload): boolean {
  switch (scope) {
    case 'REGION':
      return a.locality.region === b.locality.region;
    case 'ZONE':
      return a.locality.zone === b.locality.zone;
    case 'SUBZONE':
      return a.locality.subzone === b.locality.subzone;
    case 'NODE':
      return a.node === b.node;
    case 'CLUSTER':
      return a.clusterId === b.clusterId;
    case 'NETWORK':
      return a.network === b.network;
  }
}
