import { formatSocketAddress, isLoopback, type IpAddress, type SocketAddress } from '@weft/ip';
import { err, ok, type Result } from '@weft/result';
import { isOwnPort, SELF_CALL } from '../state/illegal-ports.js';
import { servesAsGateway } from '../state/gateway-membership.js';
import type { MeshView } from '../state/mesh-view.js';
import type { Service } from '../state/service.js';
import { identityOf, type Workload } from '../state/workload.js';
import { gatewayTargets } from './gateway-route.js';
import { dialAddresses, loadBalance, type Upstream } from './load-balance.js';
import type { RouteContext, RouteProblem, RouteRefusal, RouteTarget } from './route-target.js';
import { waypointTargets } from './waypoint-route.js';

export interface OutboundRequest {
  readonly source: Workload;
  readonly destination: SocketAddress;
}

export const HBONE_PORT = 15008;

type Route = Result<readonly RouteTarget[], RouteProblem>;

/**
 * Where a connection of a pod goes. The rules, in order: no calls into the proxy itself; a service with a waypoint goes to
 * the waypoint; else service addresses are balanced and pod addresses taken as they are, through the workload's own waypoint
 * if it has one; what is on another network goes through that network's gateway; workloads that speak HBONE get it;
 * everything unknown passes in plaintext. Pure: equal views give equal answers.
 */
export function planOutbound(
  view: MeshView,
  { source, destination }: OutboundRequest,
): Result<readonly RouteTarget[], RouteRefusal> {
  if (isLoopback(destination.ip) && isOwnPort(destination.port)) return err({ reason: SELF_CALL, service: null });
  const context: RouteContext = { view, source, destination };
  const { network, namespace } = source;
  const service = view.serviceByVip(network, destination.ip, namespace);
  const owner = view.workloadByIp(network, destination.ip);
  const route = planWith(context, service, owner);
  return route.ok ? route : err({ ...route.error, service });
}

function planWith(context: RouteContext, service: Service | null, owner: Workload | null): Route {
  if (owner === null && service !== null) {
    const waypoint = routeToServiceWaypoint(context, service);
    if (waypoint !== null) return waypoint;
  }
  if (service !== null) return routeToService(context, service);
  return owner === null ? ok([passThrough(context.destination, null)]) : routeToWorkload(context, owner);
}

/** Null: the service has none. Weights of waypoints multiply with those of their endpoints. */
function routeToServiceWaypoint(context: RouteContext, service: Service): Route | null {
  const weighted = service.weightedWaypoints.filter(({ weight }) => weight > 0);
  const choices =
    weighted.length > 0 ? weighted : service.waypoint === null ? [] : [{ destination: service.waypoint, weight: 1 }];
  if (choices.length === 0) return null;
  const targets: RouteTarget[] = [];
  let problem: RouteProblem = { reason: '' };
  const asleep: string[] = [];
  for (const { destination, weight } of choices) {
    const route = waypointTargets(context, destination, service);
    if (!route.ok) {
      problem = route.error;
      asleep.push(...(route.error.asleep ?? []));
      continue;
    }
    const total = route.value.reduce((sum, target) => sum + target.weight, 0);
    targets.push(...route.value.map((target) => ({ ...target, weight: (target.weight / total) * weight })));
  }
  return targets.length > 0 ? ok(targets) : err({ ...problem, asleep });
}

function routeToService(context: RouteContext, service: Service): Route {
  const { view, source, destination } = context;
  if (service.loadBalancing.mode === 'PASSTHROUGH') return ok([passThrough(destination, service)]);
  const upstreams = loadBalance(view, {
    client: source,
    service,
    servicePort: destination.port,
    wanted: destination.ip,
    purpose: 'standard',
  });
  const targets: RouteTarget[] = [];
  let problem = '';
  for (const upstream of upstreams) {
    if (upstream.ip !== null) {
      targets.push(direct(upstream, upstream.ip));
      continue;
    }
    const remote = gatewayTargets(context, upstream, service);
    if (remote.ok) targets.push(...remote.value);
    else problem = remote.error;
  }
  if (targets.length > 0) return ok(targets);
  return err({ reason: problem === '' ? noUpstream(context, service) : problem });
}

function routeToWorkload(context: RouteContext, workload: Workload): Route {
  const { view, source, destination } = context;
  const { waypoint } = workload;
  // Traffic from the destination's own waypoint has been through it and goes straight on.
  if (waypoint !== null && !servesAsGateway(view, source, waypoint)) return waypointTargets(context, waypoint, null);
  const ip = dialAddresses(view, workload, null, destination.ip)[0] ?? destination.ip;
  return ok([direct({ workload, service: null, ip, port: destination.port, weight: 1 }, ip)]);
}

function direct({ workload, service, port, weight }: Upstream, ip: IpAddress): RouteTarget {
  const common = { weight, workload, service, innerIdentities: null };
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
    innerIdentities: null,
    weight: 1,
    workload: null,
    service,
  };
}

function noUpstream({ view, source, destination }: RouteContext, service: Service): string {
  const { ip, port } = destination;
  const endpoints = view.endpoints(service);
  const away = endpoints.filter(({ workload }) => workload.network !== source.network);
  const unresolved = endpoints.find(({ workload }) => workload.addresses.length === 0 && workload.hostname !== '');
  const why =
    endpoints.length === 0
      ? 'it has no healthy endpoint'
      : !service.ports.has(port)
        ? `it has no port ${port}`
        : away.length === endpoints.length
          ? 'all its endpoints are on other networks, without a gateway to them'
          : unresolved !== undefined && view.resolved(unresolved.workload.hostname).length === 0
            ? `the name ${unresolved.workload.hostname} cannot be resolved`
            : 'no endpoint is usable for this port';
  return `no healthy upstream: service ${service.key} for ${formatSocketAddress({ ip, port })}: ${why}`;
}
