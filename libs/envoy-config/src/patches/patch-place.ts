import type { EnvoyPatch } from '@weft/mesh-model';
import { MAIN_INTERNAL } from '../connections/well-known-keys.js';

export interface ChainPlace {
  readonly name: string;
  /** Of the service, or of the gateway's listener; null: traffic to workloads, on any port. */
  readonly port: number | null;
  /** Default `waypoint`. */
  readonly at?: 'waypoint' | 'gateway';
}

/** As in Istio what goes to attached services is inbound, what routes send elsewhere outbound. */
const INBOUND: readonly (string | undefined)[] = [undefined, 'ANY', 'WAYPOINT', 'SIDECAR_INBOUND'];
const OUTBOUND: readonly (string | undefined)[] = [undefined, 'ANY', 'WAYPOINT', 'SIDECAR_OUTBOUND'];

const AT_GATEWAY: readonly (string | undefined)[] = [undefined, 'ANY', 'GATEWAY'];

const is = <T>(wanted: T | undefined, actual: T | null): boolean => wanted === undefined || wanted === actual;

function isOnPort({ match, ports }: EnvoyPatch, { port, at }: ChainPlace): boolean {
  if (!(at === 'gateway' ? AT_GATEWAY : INBOUND).includes(match.context) || !is(match.waypoint?.portNumber, port))
    return false;
  return ports.length === 0 || (port !== null && ports.includes(port));
}

/** Differs from Istio, whose ports of listeners never match in a waypoint: here they are those of the service. */
export function matchesChain(patch: EnvoyPatch, place: ChainPlace): boolean {
  const { name, port } = place;
  const { portNumber, name: listener, filterChain: chain } = patch.match.listener ?? {};
  return (
    isOnPort(patch, place) &&
    is(portNumber, port) &&
    is(listener, MAIN_INTERNAL) &&
    is(chain?.name, name) &&
    is(chain?.destinationPort, port) &&
    is(chain?.transportProtocol, 'raw_buffer') &&
    chain?.sni === undefined &&
    chain?.applicationProtocols === undefined
  );
}

export function matchesRoutes(patch: EnvoyPatch, place: ChainPlace): boolean {
  const { name, port } = place;
  const { portNumber, name: routes, gateway } = patch.match.routeConfiguration ?? {};
  return isOnPort(patch, place) && is(portNumber, port) && is(routes, name) && gateway === undefined;
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

export const matchesListener = ({ match }: EnvoyPatch, name: string): boolean =>
  INBOUND.includes(match.context) &&
  match.listener?.portNumber === undefined &&
  match.waypoint === undefined &&
  (match.listener?.name ?? MAIN_INTERNAL) === name;
