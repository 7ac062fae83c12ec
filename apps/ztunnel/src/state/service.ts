import type { Cidr, IpAddress } from '@weft/ip';
import type { GatewayAddress, PortMap } from './workload.js';

export type RoutingScope = 'REGION' | 'ZONE' | 'SUBZONE' | 'NODE' | 'CLUSTER' | 'NETWORK';

export interface LoadBalancing {
  readonly mode: 'STANDARD' | 'STRICT' | 'FAILOVER' | 'PASSTHROUGH';
  readonly preferences: readonly RoutingScope[];
  readonly allowUnhealthy: boolean;
}

/** A name with addresses in front of workloads, decoded from `istio.workload.Service`. */
export interface Service {
  /** `namespace/hostname`. */
  readonly key: string;
  readonly name: string;
  readonly namespace: string;
  readonly hostname: string;
  readonly vips: readonly { readonly network: string; readonly ip: IpAddress }[];
  readonly cidrVips: readonly { readonly network: string; readonly cidr: Cidr }[];
  readonly ports: PortMap;
  readonly subjectAltNames: readonly string[];
  readonly waypoint: GatewayAddress | null;
  readonly weightedWaypoints: readonly { readonly destination: GatewayAddress; readonly weight: number }[];
  readonly loadBalancing: LoadBalancing;
  readonly ipFamilies: 'AUTOMATIC' | 'IPV4_ONLY' | 'IPV6_ONLY' | 'DUAL';
  /** Without endpoints it is asleep, and the control plane starts it for whoever asks. */
  readonly activatable: boolean;
  readonly canonical: boolean;
  /** Seen by clients of its own namespace only. */
  readonly namespacePrivate: boolean;
}
