import { parseSocketAddress, type SocketAddress } from '@weft/ip';
import { evaluatePolicies, type PolicyDecision } from '@weft/policy';
import { err, ok, type Result } from '@weft/result';
import { parseSpiffeId, type SpiffeId } from '@weft/spiffe';
import type { InboundContext } from '../dataplane/messages.js';
import { targetPort } from '../outbound/load-balance.js';
import { servesAsGateway } from '../state/gateway-membership.js';
import { isOwnPort, SELF_CALL } from '../state/illegal-ports.js';
import type { MeshView } from '../state/mesh-view.js';
import type { Service } from '../state/service.js';
import type { Workload } from '../state/workload.js';
import { applicationDial, type ApplicationDial } from './application-tunnel.js';
import { describeDenial } from './describe-denial.js';

export interface Refusal {
  /** HTTP status for HBONE. */
  readonly status: 400 | 401 | 503;
  readonly reason: string;
}

/** An inbound connection that may exist. */
export interface Admission {
  readonly application: ApplicationDial;
  readonly decision: PolicyDecision;
  readonly unknownPolicies: readonly string[];
}

/** Do two trust domains mean one mesh? */
export type SameMesh = (own: string, theirs: string) => boolean;

const sameName: SameMesh = (own, theirs) => own === theirs;

/**
 * Whether a connection to a pod of this node may be made, and where it ends: the destination is validated, then resolved to
 * a port of the pod, then policies decide with the client's verified identity. Everything that cannot be read is refused.
 */
export function judgeInbound(
  view: MeshView,
  local: Workload,
  context: InboundContext,
  { localhostTunnel, isSameMesh = sameName }: { readonly localhostTunnel: boolean; readonly isSameMesh?: SameMesh },
): Result<Admission, Refusal> {
  const source = parseSocketAddress(context.source);
  const destination = parseSocketAddress(context.destination);
  if (source === null || destination === null)
    return refuse(400, `unreadable address ${context.source} or ${context.destination}`);
  const identity = peerIdentity(local, context, isSameMesh);
  if (!identity.ok) return identity;
  const target =
    context.transport === 'plaintext'
      ? ok({ address: destination, service: null })
      : resolveHbone(view, local, context, destination);
  if (!target.ok) return target;
  const { address, service } = target.value;
  if (isOwnPort(address.port)) return refuse(503, SELF_CALL);
  const override = context.transport === 'hbone' ? local.applicationTunnel?.port : null;
  const resolved = { ip: address.ip, port: override ?? address.port };
  const application = applicationDial(view, local, { context, resolved, service }, localhostTunnel);
  if (!application.ok) return refuse(503, application.error);
  const { policies, unknown } = view.policiesFor(local);
  const decision = evaluatePolicies(
    { sourceIp: source.ip, destinationIp: resolved.ip, destinationPort: resolved.port, identity: identity.value },
    policies,
  );
  if (decision.decision === 'deny')
    return refuse(401, `connection closed due to policy rejection: ${describeDenial(decision)}`);
  return ok({ application: application.value, decision, unknownPolicies: unknown });
}

function peerIdentity(
  local: Workload,
  { transport, peerIdentity: text }: InboundContext,
  isSameMesh: SameMesh,
): Result<SpiffeId | null, Refusal> {
  if (transport === 'plaintext') return ok(null);
  if (text === null) return refuse(401, 'identity error: the client certificate has no SPIFFE identity');
  const parsed = parseSpiffeId(text);
  if (!parsed.ok) return refuse(401, `identity error: ${parsed.error.message}`);
  if (!isSameMesh(local.trustDomain, parsed.value.trustDomain)) {
    return refuse(401, `identity error: ${text} is not of trust domain ${local.trustDomain}`);
  }
  return ok(parsed.value);
}

interface Target {
  readonly address: SocketAddress;
  /** Of a hostname authority. */
  readonly service: Service | null;
}

/** The address is always the pod's own; the request decides only the port. */
function resolveHbone(
  view: MeshView,
  local: Workload,
  context: InboundContext,
  connection: SocketAddress,
): Result<Target, Refusal> {
  const authority = context.authority ?? '';
  const requested = parseSocketAddress(authority);
  if (requested !== null) {
    if (requested.port === 0) return refuse(400, `invalid CONNECT address ${JSON.stringify(authority)}`);
    return addressesPod(view, local, connection, requested)
      ? ok({ address: { ip: connection.ip, port: requested.port }, service: null })
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
): Result<Target, Refusal> {
  const service = view.serviceByHostname(hostname, local.namespace);
  if (service === null) return refuse(503, `no service for target address: ${hostname}:${port}`);
  const ports = local.services.get(service.key);
  if (ports === undefined)
    return refuse(503, `no service for target address: ${hostname}:${port} is not served by ${local.uid}`);
  const target = targetPort({ workload: local, ports }, service, port);
  if (target === null) return refuse(503, `requested service ${hostname}:${port} found, but cannot resolve port`);
  return ok({ address: { ip: connection.ip, port: target }, service });
}

/** An IP authority must be the pod's own address, unless the pod is a waypoint for the address or hands traffic on. */
function addressesPod(view: MeshView, local: Workload, connection: SocketAddress, requested: SocketAddress): boolean {
  if (requested.ip.text === connection.ip.text || local.applicationTunnel !== null) return true;
  const target =
    view.workloadByIp(local.network, requested.ip) ?? view.serviceByVip(local.network, requested.ip, local.namespace);
  if (target === null) return false;
  const weighted = 'weightedWaypoints' in target ? target.weightedWaypoints.map(({ destination }) => destination) : [];
  return [target.waypoint, ...weighted].some(
    (waypoint) => waypoint !== null && servesAsGateway(view, local, waypoint, connection.ip),
  );
}

function refuse(status: Refusal['status'], reason: string): Result<never, Refusal> {
  return err({ status, reason });
}
