import type { Collection, FetchContext } from '@weft/collections';
import { ipFromBytes, type IpAddress } from '@weft/ip';
import { LABEL_INGRESS_USE_WAYPOINT } from '@weft/mesh-api';
import { WorkloadStatus, type GatewayAddress } from '@weft/xds/gen/mesh/workload/workload.js';
import { addressKeyOf, serviceNameOf, type ServiceClaim } from '../service-claim.js';
import type { ServiceState } from '../service-collections.js';
import type { ServiceMembers } from '../service-members.js';
import type { SurroundingsCollections } from '../surroundings-collections.js';
import { waypointAddressOf } from '../waypoints/waypoint-bindings.js';

/** How gateways reach a service through its waypoint. */
export interface IngressWaypoint {
  /** Address of the service, by which the waypoint knows it. */
  readonly address: IpAddress;
  /** Of the waypoint's proxies; none: it is not ready. */
  readonly proxies: readonly IpAddress[];
}

/** Null: gateways send straight to the service. */
export type IngressWaypoints = (fetch: FetchContext, claim: ServiceClaim) => IngressWaypoint | null;

export interface IngressWaypointsInputs {
  readonly services: Collection<ServiceState>;
  readonly surroundings: SurroundingsCollections;
  readonly membersOf: ServiceMembers;
}

/** Asked for by a label of the service, or else of its namespace. A waypoint that is missing is not passed by. */
export function ingressWaypoints({ services, surroundings, membersOf }: IngressWaypointsInputs): IngressWaypoints {
  return (fetch, claim) => {
    const { namespace } = claim.meta;
    const label =
      claim.labels[LABEL_INGRESS_USE_WAYPOINT] ?? surroundings.labelsOf(fetch, namespace)[LABEL_INGRESS_USE_WAYPOINT];
    const state = label === 'true' ? fetch.get(services, serviceNameOf(claim)) : undefined;
    const waypoint = waypointAddressOf(state?.waypoint ?? null);
    const lost = new Set(state?.lost.map((one) => one.lost));
    const own = claim.addresses.find((one) => one.length === undefined && !lost.has(addressKeyOf(one)));
    if (waypoint === undefined || own === undefined) return null;
    return { address: own.ip, proxies: proxiesOf(fetch, waypoint, { services, membersOf }) };
  };
}

function proxiesOf(
  fetch: FetchContext,
  { destination }: GatewayAddress,
  { services, membersOf }: Pick<IngressWaypointsInputs, 'services' | 'membersOf'>,
): readonly IpAddress[] {
  if (destination?.$case === 'address') {
    const ip = ipFromBytes(destination.value.address);
    return ip === null ? [] : [ip];
  }
  if (destination === undefined) return [];
  const { namespace, hostname } = destination.value;
  const service = fetch.get(services, `${namespace}/${hostname}`);
  const members = service === undefined ? [] : membersOf(fetch, service.claim);
  return members.flatMap(({ workload }) => {
    const [bytes] = workload.addresses;
    const ip = bytes === undefined || workload.status !== WorkloadStatus.HEALTHY ? null : ipFromBytes(bytes);
    return ip === null ? [] : [ip];
  });
}
