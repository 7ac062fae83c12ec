import { parseCidr, parseIp, type IpAddress } from '@weft/ip';
import { ANNOTATION_TRAFFIC_DISTRIBUTION, type ServiceEntry, type ServiceEntrySpec } from '@weft/mesh-api';
import { IPFamilies } from '@weft/xds/gen/mesh/workload/workload.js';
import { appProtocolOf } from './app-protocol.js';
import { visibilityOf, type ClaimSurroundings } from './claims-of-service.js';
import { loadBalancingOf } from './load-balancing-of.js';
import type { ClaimedAddress, ServiceClaim } from './service-claim.js';

/** One service per host. `automatic` are the addresses that the mesh gave, by host. */
export function claimsOfServiceEntry(
  entry: ServiceEntry,
  surroundings: ClaimSurroundings,
  automatic: ReadonlyMap<string, readonly IpAddress[]>,
): readonly ServiceClaim[] {
  const { meta, spec } = entry;
  if (spec === null) return [];
  const visibility = visibilityOf(spec.exportTo, meta.namespace);
  if (visibility === null) return [];
  return spec.hosts.map((hostname, position) => ({
    key: `ServiceEntry/${meta.namespace}/${meta.name}/${hostname}`,
    kind: 'ServiceEntry',
    meta: { name: meta.name, namespace: meta.namespace, createdAt: meta.createdAt },
    position,
    hostname,
    resolution: spec.resolution,
    selector: spec.resolution === 'NONE' ? null : (spec.workloadSelector?.matchLabels ?? null),
    ports: spec.ports.map(({ name, number, targetPort, protocol }) => ({
      name,
      servicePort: number,
      targetPort: targetPort ?? number,
      targetName: '',
      appProtocol: appProtocolOf(protocol === '' ? name : protocol, undefined),
    })),
    addresses: addressesOf(spec, hostname, surroundings.network, automatic.get(hostname) ?? []),
    subjectAltNames: spec.subjectAltNames,
    loadBalancing: loadBalancingOf({
      trafficDistribution: [
        meta.annotations[ANNOTATION_TRAFFIC_DISTRIBUTION],
        surroundings.namespaceTrafficDistribution,
      ],
      passthrough: spec.resolution === 'NONE',
    }),
    ipFamilies: IPFamilies.AUTOMATIC,
    visibility,
    activatable: false,
    labels: meta.labels,
  }));
}

/** A host that is an address is its own virtual address. */
function addressesOf(
  spec: ServiceEntrySpec,
  hostname: string,
  network: string,
  automatic: readonly IpAddress[],
): readonly ClaimedAddress[] {
  const texts = spec.addresses.length > 0 ? spec.addresses : parseIp(hostname) !== null ? [hostname] : [];
  if (texts.length === 0) return automatic.map((ip) => ({ network, ip }));
  return texts.flatMap((text) => {
    const cidr = parseCidr(text);
    if (cidr === null) return [];
    const single = cidr.prefixLength === cidr.base.bytes.length * 8;
    return [{ network, ip: cidr.base, ...(!single && { length: cidr.prefixLength }) }];
  });
}
