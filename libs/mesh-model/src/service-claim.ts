import type { IpAddress } from '@weft/ip';
import { compareByAge, type ObjectMeta, type Resolution } from '@weft/mesh-api';
import type {
  AppProtocol,
  IPFamilies,
  LoadBalancing,
  Service_Visibility,
} from '@weft/xds/gen/mesh/workload/workload.js';

export interface ClaimedPort {
  readonly name: string;
  readonly servicePort: number;
  /** 0: named, see `targetName`. */
  readonly targetPort: number;
  readonly targetName: string;
  readonly appProtocol: AppProtocol;
}

/** A virtual address; `length` is set for a CIDR. */
export interface ClaimedAddress {
  readonly network: string;
  readonly ip: IpAddress;
  readonly length?: number;
}

/** What one Service, or one host of a ServiceEntry, wants to be in the mesh. Claims to one name or address compete. */
export interface ServiceClaim {
  /** `Service/<ns>/<name>` or `ServiceEntry/<ns>/<name>/<host>`. */
  readonly key: string;
  readonly kind: 'Service' | 'ServiceEntry';
  readonly meta: Pick<ObjectMeta, 'name' | 'namespace' | 'createdAt'>;
  /** Place of the host within its ServiceEntry. */
  readonly position: number;
  readonly hostname: string;
  /** Where proxies get its endpoints from; `STATIC` for a Service. */
  readonly resolution: Resolution;
  /** Labels that endpoints in the same namespace have; null when endpoints are found otherwise. */
  readonly selector: Readonly<Record<string, string>> | null;
  readonly ports: readonly ClaimedPort[];
  readonly addresses: readonly ClaimedAddress[];
  readonly subjectAltNames: readonly string[];
  readonly loadBalancing: LoadBalancing | undefined;
  readonly ipFamilies: IPFamilies;
  readonly visibility: Service_Visibility;
  /** Its pods may all be asleep, and are started for whoever asks. */
  readonly activatable: boolean;
  /** Of the Service or ServiceEntry. */
  readonly labels: Readonly<Record<string, string>>;
}

/** Name of the xDS resource, and key of `Workload.services`: `<namespace>/<hostname>`. */
export const serviceNameOf = ({ meta, hostname }: ServiceClaim): string => `${meta.namespace}/${hostname}`;

/** `<network>/<ip>` or `<network>/<ip>/<length>`: the key by which a virtual address is asked for. */
export const addressKeyOf = ({ network, ip, length }: ClaimedAddress): string =>
  length === undefined ? `${network}/${ip.text}` : `${network}/${ip.text}/${length}`;

/** Who wins a name or an address: a Service before a ServiceEntry, then the older object, then the earlier host. */
function compareClaims(a: ServiceClaim, b: ServiceClaim): number {
  if (a.kind !== b.kind) return a.kind === 'Service' ? -1 : 1;
  return (
    compareByAge(a.meta as ObjectMeta, b.meta as ObjectMeta) || a.position - b.position || (a.key < b.key ? -1 : 1)
  );
}

export const firstClaim = (claims: readonly ServiceClaim[]): ServiceClaim | undefined =>
  [...claims].sort(compareClaims)[0];
