import { parseIp } from '@weft/ip';
import {
  ANNOTATION_EXPORT_TO,
  ANNOTATION_SCALES_TO_ZERO,
  ANNOTATION_TRAFFIC_DISTRIBUTION,
  objectMetaOf,
} from '@weft/mesh-api';
import { IPFamilies, Service_Visibility as Visibility } from '@weft/xds/gen/mesh/workload/workload.js';
import { appProtocolOf } from './app-protocol.js';
import type { ServiceObject } from './kube-objects.js';
import { loadBalancingOf } from './load-balancing-of.js';
import type { ClaimedAddress, ClaimedPort, ServiceClaim } from './service-claim.js';

export interface ClaimSurroundings {
  readonly network: string;
  readonly clusterDomain: string;
  /** `networking.istio.io/traffic-distribution` of the namespace. */
  readonly namespaceTrafficDistribution: string | undefined;
}

/** A Kubernetes Service. Null for an ExternalName (an alias in DNS, not a service of ours) and for one hidden by exportTo. */
export function claimOfService(service: ServiceObject, surroundings: ClaimSurroundings): ServiceClaim | null {
  const meta = objectMetaOf(service);
  const { spec = {} } = service;
  const visibility = visibilityOf(
    (meta.annotations[ANNOTATION_EXPORT_TO] ?? '').split(',').map((part) => part.trim()),
    meta.namespace,
  );
  if (meta.name === '' || spec.type === 'ExternalName' || visibility === null) return null;
  return {
    key: `Service/${meta.namespace}/${meta.name}`,
    kind: 'Service',
    meta: { name: meta.name, namespace: meta.namespace, createdAt: meta.createdAt },
    position: 0,
    hostname: `${meta.name}.${meta.namespace}.svc.${surroundings.clusterDomain}`,
    resolution: 'STATIC',
    selector: Object.keys(spec.selector ?? {}).length > 0 ? spec.selector! : null,
    ports: portsOf(spec),
    addresses: addressesOf(spec, surroundings.network),
    subjectAltNames: [],
    loadBalancing: loadBalancingOf({
      internalTrafficPolicy: spec.internalTrafficPolicy,
      trafficDistribution: [
        spec.trafficDistribution,
        meta.annotations[ANNOTATION_TRAFFIC_DISTRIBUTION],
        surroundings.namespaceTrafficDistribution,
      ],
      publishNotReadyAddresses: spec.publishNotReadyAddresses,
    }),
    ipFamilies: familiesOf(spec.ipFamilies ?? []),
    visibility,
    activatable: meta.annotations[ANNOTATION_SCALES_TO_ZERO] === 'true',
    labels: meta.labels,
  };
}

type ServiceSpec = NonNullable<ServiceObject['spec']>;

/** Only TCP: the mesh carries nothing else. */
function portsOf(spec: ServiceSpec): readonly ClaimedPort[] {
  return (spec.ports ?? []).flatMap(({ name = '', port = 0, targetPort = port, protocol = 'TCP', appProtocol }) => {
    if (protocol !== 'TCP' || port === 0) return [];
    const named = typeof targetPort === 'string';
    return [
      {
        name,
        servicePort: port,
        targetPort: named ? 0 : targetPort === 0 ? port : targetPort,
        targetName: named ? targetPort : '',
        appProtocol: appProtocolOf(name, appProtocol),
      },
    ];
  });
}

/** None for a headless Service. */
function addressesOf(spec: ServiceSpec, network: string): readonly ClaimedAddress[] {
  const texts = spec.clusterIPs && spec.clusterIPs.length > 0 ? spec.clusterIPs : [spec.clusterIP ?? ''];
  return texts.flatMap((text) => {
    const ip = parseIp(text);
    return ip === null ? [] : [{ network, ip }];
  });
}

function familiesOf(families: readonly string[]): IPFamilies {
  const four = families.includes('IPv4');
  const six = families.includes('IPv6');
  if (four && six) return IPFamilies.DUAL;
  return four ? IPFamilies.IPV4_ONLY : six ? IPFamilies.IPV6_ONLY : IPFamilies.AUTOMATIC;
}

/** Null: visible to nobody. A list of other namespaces cannot be told to ztunnel and counts as public. */
export function visibilityOf(exportTo: readonly string[], namespace: string): Visibility | null {
  const values = exportTo.filter((value) => value !== '');
  if (values.length === 1 && values[0] === '~') return null;
  return values.length > 0 && values.every((value) => value === '.' || value === namespace)
    ? Visibility.NAMESPACE
    : Visibility.PUBLIC;
}
