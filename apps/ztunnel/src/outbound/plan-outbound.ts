import { formatSocketAddress, isLoopback, type IpAddress, type SocketAddress } from '@weft/ip';
import { err, ok, type Result } from '@weft/result';
import { isOwnPort, SELF_CALL } from '../state/illegal-ports.js';
import type { MeshView } from '../state/mesh-view.js';
import type { Service } from '../state/service.js';
import { identityOf, type Workload } from '../state/workload.js';
import { loadBalance, pickAddress, type Upstream } from './load-balance.js';
import { resolveWaypoint, waypointTargets, type RouteContext } from './waypoint-route.js';

/** One way to reach a destination, and what telemetry says about it. */
export interface RouteTarget {
  readonly protocol: 'HBONE' | 'TCP';
  readonly dial: SocketAddress;
  /** HBONE only. */
  readonly authority: string | null;
  readonly expectedIdentities: readonly string[];
  readonly weight: number;
  /** Whose proxy or application is dialled; null for a destination that the mesh does not know. */
  readonly workload: Workload | null;
  /** The service that the client addressed. */
  readonly service: Service | null;
}

export interface OutboundRequest {
  readonly source: Workload;
  readonly destination: SocketAddress;
}

export const HBONE_PORT = 15008;

/**
 * Where a connection of a pod goes. The rules, in order: no calls into the proxy itself; a service with a waypoint goes to
 * the waypoint; else service addresses are balanced and pod addresses taken as they are, through the workload's own waypoint
 * if it has one; workloads that speak HBONE get it; everything unknown passes in plaintext. Pure: equal views give equal
 * answers.
 */
export function planOutbound(
  view: MeshView,
  { source, destination }: OutboundRequest,
): Result<readonly RouteTarget[], string> {
  if (isLoopback(destination.ip) && isOwnPort(destination.port)) return err(SELF_CALL);
  const context: RouteContext = { view, source, destination };
  const { network, namespace } = source;
  const viaService = view.serviceByVip(network, destination.ip, namespace);
  const owner = view.workloadByIp(network, destination.ip);
  if (owner === null && viaService !== null) {
    const waypoint = routeToServiceWaypoint(context, viaService);
    if (waypoint !== null) return waypoint;
  }
  if (viaService !== null) return routeToService(context, viaService);
  return owner === null ? ok([passThrough(destination, null)]) : routeToWorkload(context, owner);
}

/** Null: the service has none. Weights of waypoints multiply with those of their endpoints. */
function routeToServiceWaypoint(
  context: RouteContext,
  service: Service,
): Result<readonly RouteTarget[], string> | null {
  const weighted = service.weightedWaypoints.filter(({ weight }) => weight > 0);
  const choices =
    weighted.length > 0 ? weighted : service.waypoint === null ? [] : [{ destination: service.waypoint, weight: 1 }];
  if (choices.length === 0) return null;
  const targets: RouteTarget[] = [];
  let problem = '';
  for (const { destination, weight } of choices) {
    const route = waypointTargets(context, destination, service);
    if (!route.ok) {
      problem = route.error;
      continue;
    }
    const total = route.value.reduce((sum, target) => sum + target.weight, 0);
    targets.push(...route.value.map((target) => ({ ...target, weight: (target.weight / total) * weight })));
  }
  return targets.length > 0 ? ok(targets) : err(problem);
}

function routeToService(
  { view, source, destination }: RouteContext,
  service: Service,
): Result<readonly RouteTarget[], string> {
  if (service.loadBalancing.mode === 'PASSTHROUGH') return ok([passThrough(destination, service)]);
  const upstreams = loadBalance(view, {
    client: source,
    service,
    servicePort: destination.port,
    wanted: destination.ip,
    purpose: 'standard',
  });
  if (upstreams.length > 0) return ok(upstreams.map((upstream) => direct(upstream)));
  return err(noUpstream(view, source, service, destination));
}

function routeToWorkload(context: RouteContext, workload: Workload): Result<readonly RouteTarget[], string> {
  const { source, destination } = context;
  if (workload.network !== source.network) return err(otherNetwork(workload));
  if (workload.waypoint !== null && !isBehind(context, workload))
    return waypointTargets(context, workload.waypoint, null);
  const ip = pickAddress(workload, null, destination.ip) ?? destination.ip;
  return ok([direct({ workload, service: null, ip, port: destination.port, weight: 1 })]);
}

/** Traffic from the destination's own waypoint has been through it and goes straight on. */
function isBehind(context: RouteContext, workload: Workload): boolean {
  if (workload.waypoint === null) return false;
  const waypoint = resolveWaypoint(context, workload.waypoint);
  return waypoint.ok && waypoint.value.some((upstream) => upstream.workload.uid === context.source.uid);
}

function direct({ workload, service, ip, port, weight }: Upstream): RouteTarget {
  const common = { weight, workload, service };
  if (workload.protocol === 'TCP') {
    return { ...common, protocol: 'TCP', dial: { ip, port }, authority: null, expectedIdentities: [] };
  }
  const expectedIdentities = [...new Set([...(service?.subjectAltNames ?? []), identityOf(workload)])];
  return {
    ...common,
    protocol: 'HBONE',
    dial: { ip, port: HBONE_PORT },
    authority: formatSocketAddress({ ip, port }),
    expectedIdentities,
  };
}

function passThrough(destination: SocketAddress, service: Service | null): RouteTarget {
  return {
    protocol: 'TCP',
    dial: destination,
    authority: null,
    expectedIdentities: [],
    weight: 1,
    workload: null,
    service,
  };
}

function noUpstream(
  view: MeshView,
  source: Workload,
  service: Service,
  { ip, port }: { ip: IpAddress; port: number },
): string {
  const endpoints = view.endpoints(service);
  const remote = endpoints.filter(({ workload }) => workload.network !== source.network).length;
  const why =
    endpoints.length === 0
      ? 'it has no healthy endpoint'
      : remote === endpoints.length
        ? 'all its endpoints are on other networks, and double HBONE is not supported'
        : service.ports.has(port)
          ? 'no endpoint is usable for this port'
          : `it has no port ${port}`;
  return `no healthy upstream: service ${service.key} for ${formatSocketAddress({ ip, port })}: ${why}`;
}

function otherNetwork(workload: Workload): string {
  return `no valid routing destination for workload: ${workload.uid} is on network ${JSON.stringify(workload.network)}, and double HBONE is not supported`;
}
