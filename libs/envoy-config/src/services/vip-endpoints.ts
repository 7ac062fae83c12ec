import { ClusterLoadAssignment } from '@weft/xds/gen/envoy/config/endpoint/v3/endpoint.js';
import { CONNECT_ORIGINATE, METADATA_ISTIO, METADATA_ORIGINAL_DST } from '../connections/well-known-keys.js';
import { internalAddress, socketAddress } from '../messages/address.js';

/** One place where a service port is served. */
export interface VipEndpoint {
  /** IP address, or a name that DNS knows. */
  readonly host: string;
  readonly isName: boolean;
  readonly port: number;
  /** Reached through the ztunnel of its node; otherwise directly, in plaintext. */
  readonly hbone: boolean;
  readonly weight: number;
  readonly locality: { readonly region: string; readonly zone: string; readonly subzone: string };
  /** For telemetry. */
  readonly workload: EndpointWorkload;
  readonly labels: Readonly<Record<string, string>>;
}

export interface EndpointWorkload {
  readonly name: string;
  readonly namespace: string;
  readonly serviceAccount: string;
  readonly trustDomain: string;
  readonly canonicalName: string;
  readonly canonicalRevision: string;
  readonly clusterId: string;
}

/** Endpoints of one cluster, by locality and address, so that equal sets have equal bytes. */
export function vipLoadAssignment(clusterName: string, endpoints: readonly VipEndpoint[]): ClusterLoadAssignment {
  const byLocality = new Map<string, VipEndpoint[]>();
  for (const endpoint of [...endpoints].sort((a, b) => compare(keyOf(a), keyOf(b)))) {
    const { region, zone, subzone } = endpoint.locality;
    const key = `${region}/${zone}/${subzone}`;
    byLocality.set(key, [...(byLocality.get(key) ?? []), endpoint]);
  }
  return ClusterLoadAssignment.fromPartial({
    clusterName,
    endpoints: [...byLocality]
      .sort(([a], [b]) => compare(a, b))
      .map(([, members]) => {
        const { region, zone, subzone } = members[0]!.locality;
        return {
          locality: { region, zone, subZone: subzone },
          loadBalancingWeight: members.reduce((sum, { weight }) => sum + weight, 0),
          lbEndpoints: members.map(lbEndpoint),
        };
      }),
  });
}

function lbEndpoint(endpoint: VipEndpoint) {
  const { host, port, hbone, weight } = endpoint;
  const local = keyOf(endpoint);
  return {
    hostIdentifier: {
      $case: 'endpoint' as const,
      value: { address: hbone ? internalAddress(CONNECT_ORIGINATE, local) : socketAddress(host, port) },
    },
    loadBalancingWeight: weight,
    metadata: {
      filterMetadata: {
        ...(hbone ? { [METADATA_ORIGINAL_DST]: { local } } : {}),
        [METADATA_ISTIO]: telemetryOf(endpoint.workload),
      },
    },
  };
}

/** `workload` is Istio's form; access logs cannot take it apart, so the parts stand beside it. */
function telemetryOf(workload: EndpointWorkload): Readonly<Record<string, string>> {
  const { name, namespace, serviceAccount, trustDomain, canonicalName, canonicalRevision, clusterId } = workload;
  const revision = canonicalRevision === 'latest' ? '' : canonicalRevision;
  return {
    workload: [name, namespace, canonicalName, revision, clusterId].join(';'),
    workload_name: name,
    workload_namespace: namespace,
    principal: `spiffe://${trustDomain}/ns/${namespace}/sa/${serviceAccount}`,
    canonical_service: canonicalName,
    canonical_revision: canonicalRevision,
    cluster: clusterId,
  };
}

const keyOf = ({ host, port }: VipEndpoint): string => (host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`);
const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);
