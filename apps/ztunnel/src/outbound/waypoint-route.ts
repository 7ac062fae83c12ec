import { formatSocketAddress, type SocketAddress } from '@weft/ip';
import { err, ok, type Result } from '@weft/result';
import type { Service } from '../state/service.js';
import { identityOf, type GatewayAddress } from '../state/workload.js';
import { gatewayTargets } from './gateway-route.js';
import { dialAddresses, loadBalance, type Upstream } from './load-balance.js';
import type { RouteContext, RouteProblem, RouteTarget } from './route-target.js';

/** HBONE to the waypoint with the original destination as authority. Never bypasses it: without a usable waypoint, an error. */
export function waypointTargets(
  context: RouteContext,
  waypoint: GatewayAddress,
  addressed: Service | null,
): Result<readonly RouteTarget[], RouteProblem> {
  const upstreams = resolveWaypoint(context, waypoint);
  if (!upstreams.ok) return upstreams;
  const targets: RouteTarget[] = [];
  let problem: RouteProblem = { reason: '' };
  for (const upstream of upstreams.value) {
    const { workload, service, ip, weight } = upstream;
    if (ip === null) {
      const remote = gatewayTargets(context, upstream, addressed);
      if (remote.ok) targets.push(...remote.value);
      else problem = { reason: remote.error, waypoint: 'unavailable' };
      continue;
    }
    targets.push({
      protocol: 'HBONE',
      dial: { ip, port: waypoint.hbonePort },
      authority: formatSocketAddress(context.destination),
      expectedIdentities: [...new Set([...(service?.subjectAltNames ?? []), identityOf(workload)])],
      innerIdentities: null,
      weight,
      workload,
      service: addressed,
    });
  }
  return targets.length > 0 ? ok(targets) : err(problem);
}

/** The instances of a waypoint: endpoints of its service, or the workload that has its name or its address. */
function resolveWaypoint(context: RouteContext, waypoint: GatewayAddress): Result<readonly Upstream[], RouteProblem> {
  const { view, source, destination } = context;
  const { destination: at, hbonePort } = waypoint;
  if (at.kind === 'hostname') {
    const service = view.service(`${at.namespace}/${at.hostname}`);
    if (service !== null) return balance(context, service, hbonePort, destination);
    const workload = view.workloadByHostname(at.namespace, at.hostname);
    if (workload === null) return missing(`${at.namespace}/${at.hostname} is neither service nor workload`);
    const addresses = dialAddresses(view, workload, null, destination.ip);
    if (addresses.length === 0) return missing(`${workload.uid} has no address`);
    return ok(addresses.map((ip) => ({ workload, service: null, ip, port: hbonePort, weight: 1 })));
  }
  const workload = view.workloadByIp(at.network, at.ip);
  if (workload !== null) {
    if (workload.network !== source.network && workload.networkGateway === null)
      return missing(`${workload.uid} is on network ${JSON.stringify(workload.network)}, without a gateway`);
    const ip = workload.network === source.network ? at.ip : null;
    return ok([{ workload, service: null, ip, port: hbonePort, weight: 1 }]);
  }
  const service = view.serviceByVip(at.network, at.ip, source.namespace);
  if (service === null) return missing(`${at.network}/${at.ip.text}`);
  return balance(context, service, hbonePort, { ip: at.ip, port: hbonePort });
}

function balance(
  { view, source }: RouteContext,
  service: Service,
  servicePort: number,
  wanted: SocketAddress,
): Result<readonly Upstream[], RouteProblem> {
  const upstreams = loadBalance(view, { client: source, service, servicePort, wanted: wanted.ip, purpose: 'waypoint' });
  if (upstreams.length > 0) return ok(upstreams);
  const reason = `unknown waypoint: no healthy endpoint of ${service.key} for port ${servicePort}`;
  const asleep = service.activatable && view.endpoints(service).length === 0 ? [service.key] : [];
  return err({ reason, waypoint: 'unavailable', asleep });
}

const missing = (what: string): Result<never, RouteProblem> =>
  err({ reason: `unknown waypoint: ${what}`, waypoint: 'missing' });
