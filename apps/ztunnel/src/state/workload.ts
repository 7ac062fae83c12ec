import type { IpAddress } from '@weft/ip';
import { formatSpiffeId } from '@weft/spiffe';

/** A waypoint or network gateway: by service hostname or by address. */
export interface GatewayAddress {
  readonly destination:
    | { readonly kind: 'hostname'; readonly namespace: string; readonly hostname: string }
    | { readonly kind: 'address'; readonly network: string; readonly ip: IpAddress };
  readonly hbonePort: number;
}

/** Service port to the port of the application; 0 means that only an endpoint knows it (a named port). */
export type PortMap = ReadonlyMap<number, number>;

export interface Locality {
  readonly region: string;
  readonly zone: string;
  readonly subzone: string;
}

/** One instance of an application, decoded from `istio.workload.Workload`; defaults are filled in. */
export interface Workload {
  readonly uid: string;
  readonly name: string;
  readonly namespace: string;
  readonly addresses: readonly IpAddress[];
  readonly network: string;
  readonly protocol: 'HBONE' | 'TCP';
  readonly trustDomain: string;
  readonly serviceAccount: string;
  readonly waypoint: GatewayAddress | null;
  readonly networkGateway: GatewayAddress | null;
  readonly node: string;
  readonly canonicalName: string;
  readonly canonicalRevision: string;
  readonly workloadType: 'deployment' | 'cronjob' | 'pod' | 'job';
  readonly workloadName: string;
  readonly nativeTunnel: boolean;
  /** `namespace/name` of the policies that select it. */
  readonly authorizationPolicies: readonly string[];
  readonly healthy: boolean;
  readonly clusterId: string;
  readonly hostname: string;
  /** By service key, `namespace/hostname`. */
  readonly services: ReadonlyMap<string, PortMap>;
  readonly applicationTunnel: { readonly protocol: 'NONE' | 'PROXY'; readonly port: number | null } | null;
  readonly locality: Locality;
  readonly hostNetwork: boolean;
  readonly capacity: number;
}

/** The SPIFFE ID that the workload's certificates carry. */
export function identityOf({ trustDomain, namespace, serviceAccount }: Workload): string {
  return formatSpiffeId(trustDomain, namespace, serviceAccount);
}
