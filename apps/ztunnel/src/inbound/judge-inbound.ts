import { formatSocketAddress, parseSocketAddress, type SocketAddress } from '@weft/ip';
import { evaluatePolicies, type PolicyDecision } from '@weft/policy';
import { err, ok, type Result } from '@weft/result';
import { parseSpiffeId, type SpiffeId } from '@weft/spiffe';
import type { InboundContext } from '../dataplane/messages.js';
import { targetPort } from '../outbound/load-balance.js';
import { isOwnPort, SELF_CALL } from '../state/illegal-ports.js';
import type { MeshView } from '../state/mesh-view.js';
import type { GatewayAddress, Workload } from '../state/workload.js';
import { describeDenial } from './describe-denial.js';

export interface Refusal {
  /** HTTP status for HBONE. */
  readonly status: 400 | 401 | 503;
  readonly reason: string;
}

/** An inbound connection that may exist. */
export interface Admission {
  /** Where the application is dialled. */
  readonly dial: SocketAddress;
  readonly decision: PolicyDecision;
  readonly unknownPolicies: readonly string[];
}

/**
 * Whether a connection to a pod of this node may be made, and where it ends: the destination is validated, then resolved to
 * a port of the pod, then policies decide with the client's verified identity. Everything that cannot be read is refused.
 */
export function judgeInbound(view: MeshView, local: Workload, context: InboundContext): Result<Admission, Refusal> {
  const source = parseSocketAddress(context.source);
  const destination = parseSocketAddress(context.destination);
  if (source === null || destination === null)
    return refuse(400, `unreadable address ${context.source} or ${context.destination}`);
  const identity = peerIdentity(local, context);
  if (!identity.ok) return identity;
  const resolved =
    context.transport === 'plaintext' ? ok(destination) : resolveHbone(view, local, context, destination);
  if (!resolved.ok) return resolved;
  if (isOwnPort(resolved.value.port)) return refuse(503, SELF_CALL);
  const dial = applicationDial(local, context, resolved.value);
  if (!dial.ok) return dial;
  const { policies, unknown } = view.policiesFor(local);
  const decision = evaluatePolicies(
    { sourceIp: source.ip, destinationIp: dial.value.ip, destinationPort: dial.value.port, identity: identity.value },
    policies,
  );
  if (decision.decision === 'deny')
    return refuse(401, `connection closed due to policy rejection: ${describeDenial(decision)}`);
  return ok({ dial: dial.value, decision, unknownPolicies: unknown });
}

function peerIdentity(
  local: Workload,
  { transport, peerIdentity: text }: InboundContext,
): Result<SpiffeId | null, Refusal> {
  if (transport === 'plaintext') return ok(null);
  if (text === null) return refuse(401, 'identity error: the client certificate has no SPIFFE identity');
  const parsed = parseSpiffeId(text);
  if (!parsed.ok) return refuse(401, `identity error: ${parsed.error.message}`);
  if (parsed.value.trustDomain !== local.trustDomain) {
    return refuse(401, `identity error: ${text} is not of trust domain ${local.trustDomain}`);
  }
  return ok(parsed.value);
}

/** The address is always the pod's own; the request decides only the port. */
function resolveHbone(
  view: MeshView,
  local: Workload,
  context: InboundContext,
  connection: SocketAddress,
): Result<SocketAddress, Refusal> {
  const authority = context.authority ?? '';
  const requested = parseSocketAddress(authority);
  if (requested !== null) {
    if (requested.port === 0) return refuse(400, `invalid CONNECT address ${JSON.stringify(authority)}`);
    return addressesPod(view, local, connection, requested)
      ? ok({ ip: connection.ip, port: requested.port })
      : refuse(400, `ip mismatch: ${requested.ip.text} != ${connection.ip.text}`);
  }
  const match = /^([A-Za-z0-9*]([A-Za-z0-9.*_-]{0,252})):(\d{1,5})$/.exec(authority);
  if (match === null || Number(match[3]) > 65_535)
    return refuse(400, `invalid CONNECT address ${JSON.stringify(authority.slice(0, 300))}`);
  return resolveHostname(view, local, { hostname: match[1]!, port: Number(match[3]), connection });
}

function resolveHostname(
  view: MeshView,
  local: Workload,
  { hostname, port, connection }: { hostname: string; port: number; connection: SocketAddress },
): Result<SocketAddress, Refusal> {
  const service = view.serviceByHostname(hostname, local.namespace);
  if (service === null) return refuse(503, `no service for target address: ${hostname}:${port}`);
  const ports = local.services.get(service.key);
  if (ports === undefined)
    return refuse(503, `no service for target address: ${hostname}:${port} is not served by ${local.uid}`);
  const target = targetPort({ workload: local, ports }, service, port);
  if (target === null) return refuse(503, `requested service ${hostname}:${port} found, but cannot resolve port`);
  return ok({ ip: connection.ip, port: target });
}

/** An IP authority must be the pod's own address, unless the pod is a waypoint for the address or hands traffic on. */
function addressesPod(view: MeshView, local: Workload, connection: SocketAddress, requested: SocketAddress): boolean {
  if (requested.ip.text === connection.ip.text || local.applicationTunnel !== null) return true;
  const target =
    view.workloadByIp(local.network, requested.ip) ?? view.serviceByVip(local.network, requested.ip, local.namespace);
  if (target === null) return false;
  const weighted = 'weightedWaypoints' in target ? target.weightedWaypoints.map(({ destination }) => destination) : [];
  return [target.waypoint, ...weighted].some(
    (waypoint) => waypoint !== null && isWaypointPod(view, local, connection, waypoint),
  );
}

function isWaypointPod(
  view: MeshView,
  local: Workload,
  connection: SocketAddress,
  { destination }: GatewayAddress,
): boolean {
  if (destination.kind === 'hostname') return local.services.has(`${destination.namespace}/${destination.hostname}`);
  if (destination.ip.text === connection.ip.text) return true;
  const service = view.serviceByVip(destination.network, destination.ip, local.namespace);
  return service !== null && local.services.has(service.key);
}

function applicationDial(
  local: Workload,
  { transport }: InboundContext,
  resolved: SocketAddress,
): Result<SocketAddress, Refusal> {
  const tunnel = local.applicationTunnel;
  if (tunnel === null || transport === 'plaintext') return ok(resolved);
  if (tunnel.protocol === 'PROXY') {
    return refuse(503, `application tunnel PROXY of ${local.uid} to ${formatSocketAddress(resolved)} is not supported`);
  }
  return ok({ ip: resolved.ip, port: tunnel.port ?? resolved.port });
}

function refuse(status: Refusal['status'], reason: string): Result<never, Refusal> {
  return err({ status, reason });
}
