import type { EnvoyPatch } from '@weft/mesh-model';
import { MAIN_INTERNAL } from '../connections/well-known-keys.js';

export interface ChainPlace {
  readonly name: string;
  /** Of the service, or of the gateway's listener; null: traffic to workloads, on any port. */
  readonly port: number | null;
  /** Default: that of waypoints for services. */
  readonly listener?: string;
  /** It ends TLS, or passes it on. */
  readonly tls?: boolean;
  /** Of the handshake, that the chain is for. */
  readonly serverNames?: readonly string[];
}

/** As in Istio what goes to attached services is inbound, what routes send elsewhere outbound. */
const INBOUND: readonly (string | undefined)[] = [undefined, 'ANY', 'WAYPOINT', 'SIDECAR_INBOUND'];
const OUTBOUND: readonly (string | undefined)[] = [undefined, 'ANY', 'WAYPOINT', 'SIDECAR_OUTBOUND'];

const is = <T>(wanted: T | undefined, actual: T | null): boolean => wanted === undefined || wanted === actual;

function isOnPort({ match, ports }: EnvoyPatch, port: number | null): boolean {
  if (!INBOUND.includes(match.context) || !is(match.waypoint?.portNumber, port)) return false;
  return ports.length === 0 || (port !== null && ports.includes(port));
}

/** Differs from Istio, whose ports of listeners never match in a waypoint: here they are those of the service. */
export function matchesChain(patch: EnvoyPatch, place: ChainPlace): boolean {
  const { name, port, tls = false, serverNames = [] } = place;
  const { portNumber, name: listener, filterChain: chain } = patch.match.listener ?? {};
  return (
    isOnPort(patch, port) &&
    is(portNumber, port) &&
    is(listener, place.listener ?? MAIN_INTERNAL) &&
    is(chain?.name, name) &&
    is(chain?.destinationPort, port) &&
    is(chain?.transportProtocol, tls ? 'tls' : 'raw_buffer') &&
    (chain?.sni === undefined || serverNames.includes(chain.sni)) &&
    chain?.applicationProtocols === undefined
  );
}

export function matchesRoutes(patch: EnvoyPatch, { name, port }: ChainPlace): boolean {
  const { portNumber, name: routes, gateway } = patch.match.routeConfiguration ?? {};
  return isOnPort(patch, port) && is(portNumber, port) && is(routes, name) && gateway === undefined;
}

export interface ClusterPlace {
  readonly name: string;
  readonly hostname: string;
  readonly port: number;
  readonly subset: string | undefined;
  /** False: a service that routes send to, though it is not behind the waypoint. */
  readonly attached: boolean;
}

export function matchesCluster({ match }: EnvoyPatch, place: ClusterPlace): boolean {
  const { portNumber, service, subset, name } = match.cluster ?? {};
  return (
    (place.attached ? INBOUND : OUTBOUND).includes(match.context) &&
    is(match.waypoint?.portNumber, place.port) &&
    is(portNumber, place.port) &&
    is(service, place.hostname) &&
    is(subset, place.subset ?? null) &&
    is(name, place.name)
  );
}

/** `port` null: it has none, or stands for all. */
export const matchesListener = ({ match }: EnvoyPatch, name: string, port: number | null = null): boolean =>
  INBOUND.includes(match.context) &&
  is(match.listener?.portNumber, port) &&
  match.waypoint === undefined &&
  (match.listener?.name ?? (port === null ? MAIN_INTERNAL : name)) === name;
