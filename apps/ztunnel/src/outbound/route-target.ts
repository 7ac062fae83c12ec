import type { SocketAddress } from '@weft/ip';
import type { MeshView } from '../state/mesh-view.js';
import type { Service } from '../state/service.js';
import type { Workload } from '../state/workload.js';

/** One way to reach a destination, and what telemetry says about it. */
export interface RouteTarget {
  readonly protocol: 'HBONE' | 'TCP';
  readonly dial: SocketAddress;
  /** HBONE only. Through a gateway: of both the outer and the inner request. */
  readonly authority: string | null;
  readonly expectedIdentities: readonly string[];
  /** Who must be at the end of the inner tunnel, when `dial` is the gateway of another network. */
  readonly innerIdentities: readonly string[] | null;
  readonly weight: number;
  /** Whose proxy or application is dialled, or is behind the gateway; null for a destination that the mesh does not know. */
  readonly workload: Workload | null;
  /** The service that the client addressed. */
  readonly service: Service | null;
}

/** What is wrong with the waypoint that traffic has to go through. */
export type WaypointFault = 'missing' | 'unavailable';

/** Why there is no way. */
export interface RouteProblem {
  readonly reason: string;
  readonly waypoint?: WaypointFault;
  /** Keys of services that would be the way, and that are asleep. */
  readonly asleep?: readonly string[];
}

/** With the service that the client meant, for telemetry. */
export interface RouteRefusal extends RouteProblem {
  readonly service: Service | null;
}

export interface RouteContext {
  readonly view: MeshView;
  readonly source: Workload;
  readonly destination: SocketAddress;
}
