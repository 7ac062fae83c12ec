/** What `weft up` shows: the cluster, who is in the mesh, who talks to whom and who was refused. The JSON form is this object. */
export interface Picture {
  readonly cluster: string;
  readonly at: string;
  readonly nodes: readonly NodeRow[];
  readonly pods: readonly PodRow[];
  readonly connections: readonly ConnectionRow[];
  readonly requests: readonly RequestRow[];
  readonly denials: readonly DenialRow[];
}

export interface NodeRow {
  readonly name: string;
  readonly address: string;
  readonly ready: boolean;
  readonly ztunnelReady: boolean;
}

export interface PodRow {
  readonly namespace: string;
  readonly name: string;
  readonly node: string;
  readonly ip: string;
  readonly status: string;
  /** `enrolled`, `pending` (its labels ask for it), `waypoint` (or a gateway: part of the mesh itself), or `outside`. */
  readonly mesh: 'enrolled' | 'pending' | 'waypoint' | 'outside';
}

/** Connections between two workloads since their ztunnels started. */
export interface ConnectionRow {
  readonly source: string;
  readonly sourceIdentity: string | null;
  readonly destination: string;
  readonly destinationIdentity: string | null;
  readonly security: 'mTLS' | 'plain';
  readonly opened: number;
  readonly open: number;
  readonly bytesSent: number;
  readonly bytesReceived: number;
}

/** HTTP requests to a service that has a waypoint, since the waypoint started. */
export interface RequestRow {
  readonly service: string;
  /** A workload, or what in the waypoint answered in its place. */
  readonly answeredBy: string;
  readonly status: number;
  readonly count: number;
  /** Of all requests to the service, 0 to 1. */
  readonly share: number;
}

export interface DenialRow {
  readonly source: string;
  readonly sourceIdentity: string | null;
  readonly destination: string;
  /** `namespace/name` of the policy, or of those that allow and did not match; empty when none is named. */
  readonly policy: string;
  readonly reason: string;
  readonly count: number;
  readonly last: string;
}
