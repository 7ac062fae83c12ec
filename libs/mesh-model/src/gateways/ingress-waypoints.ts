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
  /** `<namespace>/<hostname>` of its own service, if a proxy is started for who asks for it; null: it has proxies, or is not there. */
  readonly asleep: string | null;
  /** Now or at other times. */
  readonly mayBeAsleep: boolean;
}

export interface IngressWaypoints {
  /** Null: gateways send straight to the service. */
  waypointOf(fetch: FetchContext, claim: ServiceClaim): IngressWaypoint | null;
  /** Whether gateways reach it through a waypoint that may be asleep at times. */
  mayBeAsleep(fetch: FetchContext, claim: ServiceClaim): boolean;
}

export interface IngressWaypointsInputs {
  readonly services: Collection<ServiceState>;
  readonly surroundings: SurroundingsCollections;
  readonly membersOf: ServiceMembers;
}

/** Asked for by a label of the service, or else of its namespace. A waypoint that is missing is not passed by. */
export function ingressWaypoints(inputs: IngressWaypointsInputs): IngressWaypoints {
  const { services, membersOf } = inputs;
  return {
    waypointOf: (fetch, claim) => {
      const found = pathOf(fetch, claim, inputs);
      if (found === null) return null;
      const { address, waypoint } = found;
      const proxies = proxiesOf(fetch, waypoint, { services, membersOf });
      const service = activatableOf(fetch, waypoint, services);
      const asleep = service === null || proxies.length > 0 ? null : serviceNameOf(service);
      return { address, proxies, asleep, mayBeAsleep: service !== null };
    },
    mayBeAsleep: (fetch, claim) => {
      const found = pathOf(fetch, claim, inputs);
      return found !== null && activatableOf(fetch, found.waypoint, services) !== null;
    },
  };
}

function pathOf(
  fetch: FetchContext,
  claim: ServiceClaim,
  { services, surroundings }: Omit<IngressWaypointsInputs, 'membersOf'>,
): { readonly address: IpAddress; readonly waypoint: GatewayAddress } | null {
  const { namespace } = claim.meta;
  const label =
    claim.labels[LABEL_INGRESS_USE_WAYPOINT] ?? surroundings.labelsOf(fetch, namespace)[LABEL_INGRESS_USE_WAYPOINT];
  const state = label === 'true' ? fetch.get(services, serviceNameOf(claim)) : undefined;
  const waypoint = waypointAddressOf(state?.waypoint ?? null);
  const lost = new Set(state?.lost.map((one) => one.lost));
  const own = claim.addresses.find((one) => one.length === undefined && !lost.has(addressKeyOf(one)));
  return waypoint === undefined || own === undefined ? null : { address: own.ip, waypoint };
}

function activatableOf(
  fetch: FetchContext,
  { destination }: GatewayAddress,
  services: Collection<ServiceState>,
): ServiceClaim | null {
  if (destination?.$case !== 'hostname') return null;
  const { namespace, hostname } = destination.value;
  const claim = fetch.get(services, `${namespace}/${hostname}`)?.claim;
  return claim?.activatable === true ? claim : null;
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
