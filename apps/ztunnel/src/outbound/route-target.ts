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

/** Why there is no way, and which service the client meant, for telemetry. */
export interface RouteRefusal {
  readonly reason: string;
  readonly service: Service | null;
}

export interface RouteContext {
  readonly view: MeshView;
  readonly source: Workload;
  readonly destination: SocketAddress;
}
