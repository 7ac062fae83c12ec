import { Service, type GatewayAddress } from '@weft/xds/gen/mesh/workload/workload.js';
import { ACTIVATION_EXTENSION } from '@weft/xds';
import { addressKeyOf, type ServiceClaim } from './service-claim.js';

export interface ServiceStanding {
  /** Keys of virtual addresses that another claim holds. */
  readonly lostAddresses: ReadonlySet<string>;
  /** The one to take for its hostname when the asking namespace has none of its own. */
  readonly canonical: boolean;
  readonly waypoint: GatewayAddress | undefined;
}

export function serviceMessage(claim: ServiceClaim, { lostAddresses, canonical, waypoint }: ServiceStanding): Service {
  return Service.fromPartial({
    name: claim.meta.name,
    namespace: claim.meta.namespace,
    hostname: claim.hostname,
    addresses: claim.addresses
      .filter((address) => !lostAddresses.has(addressKeyOf(address)))
      .map(({ network, ip, length }) => ({ network, address: Buffer.from(ip.bytes), length })),
    ports: claim.ports.map(({ servicePort, targetPort, appProtocol }) => ({ servicePort, targetPort, appProtocol })),
    subjectAltNames: [...claim.subjectAltNames],
    loadBalancing: claim.loadBalancing,
    ipFamilies: claim.ipFamilies,
    canonical,
    waypoint,
    visibility: claim.visibility,
    extensions: claim.activatable ? [{ name: ACTIVATION_EXTENSION }] : [],
  });
}
