import { formatSocketAddress, type SocketAddress } from '@weft/ip';
import { err, ok, type Result } from '@weft/result';
import type { MeshView } from '../state/mesh-view.js';
import type { Service } from '../state/service.js';
import { identityOf, type GatewayAddress, type Workload } from '../state/workload.js';
import { loadBalance, pickAddress, type Upstream } from './load-balance.js';
import type { RouteTarget } from './plan-outbound.js';

export interface RouteContext {
  readonly view: MeshView;
  readonly source: Workload;
  readonly destination: SocketAddress;
}

/** HBONE to the waypoint with the original destination as authority. Never bypasses it: without a usable waypoint, an error. */
export function waypointTargets(
  context: RouteContext,
  waypoint: GatewayAddress,
  addressed: Service | null,
): Result<readonly RouteTarget[], string> {
  const upstreams = resolveWaypoint(context, waypoint);
  if (!upstreams.ok) return upstreams;
  return ok(
    upstreams.value.map(({ workload, service, ip, weight }) => ({
      protocol: 'HBONE' as const,
      dial: { ip, port: waypoint.hbonePort },
      authority: formatSocketAddress(context.destination),
      expectedIdentities: [...new Set([...(service?.subjectAltNames ?? []), identityOf(workload)])],
      weight,
      workload,
      service: addressed,
    })),
  );
}

/** The instances of a waypoint: endpoints of its service, or the workload that owns its address. */
export function resolveWaypoint(context: RouteContext, waypoint: GatewayAddress): Result<readonly Upstream[], string> {
  const { view, source, destination } = context;
  const { destination: at, hbonePort } = waypoint;
  if (at.kind === 'hostname') {
    const service = view.service(`${at.namespace}/${at.hostname}`);
    if (service === null) return err(`unknown waypoint: service ${at.namespace}/${at.hostname}`);
    return balance(context, service, hbonePort, destination);
  }
  const workload = view.workloadByIp(at.network, at.ip);
  if (workload !== null) {
    if (workload.network !== source.network)
      return err(`unknown waypoint: ${workload.uid} is on another network, and double HBONE is not supported`);
    const ip = pickAddress(workload, null, at.ip);
    if (ip !== null) return ok([{ workload, service: null, ip, port: hbonePort, weight: 1 }]);
  }
  const service = view.serviceByVip(at.network, at.ip, source.namespace);
  if (service === null) return err(`unknown waypoint: ${at.network}/${at.ip.text}`);
  return balance(context, service, hbonePort, { ip: at.ip, port: hbonePort });
}

function balance(
  { view, source }: RouteContext,
  service: Service,
  servicePort: number,
  wanted: SocketAddress,
): Result<readonly Upstream[], string> {
  const upstreams = loadBalance(view, { client: source, service, servicePort, wanted: wanted.ip, purpose: 'waypoint' });
  return upstreams.length > 0
    ? ok(upstreams)
    : err(`unknown waypoint: no healthy endpoint of ${service.key} for port ${servicePort}`);
}
