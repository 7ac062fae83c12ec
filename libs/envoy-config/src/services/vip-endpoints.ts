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
  readonly node: string;
  readonly network: string;
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

/** Endpoints of one place that are chosen alike. */
export interface EndpointGroup {
  readonly locality: VipEndpoint['locality'];
  /** 0 first; further ones when those before cannot serve. */
  readonly priority: number;
  readonly weight: number;
  /** By address. */
  readonly members: readonly VipEndpoint[];
}

/** All with the same priority, weighed by their endpoints; by name of the locality, so that equal sets have equal bytes. */
export function groupsByLocality(endpoints: readonly VipEndpoint[]): readonly EndpointGroup[] {
  const byLocality = new Map<string, VipEndpoint[]>();
  for (const endpoint of [...endpoints].sort((a, b) => compare(keyOf(a), keyOf(b)))) {
    const { region, zone, subzone } = endpoint.locality;
    const key = `${region}/${zone}/${subzone}`;
    byLocality.set(key, [...(byLocality.get(key) ?? []), endpoint]);
  }
  return [...byLocality]
    .sort(([a], [b]) => compare(a, b))
    .map(([, members]) => ({
      locality: members[0]!.locality,
      priority: 0,
      weight: members.reduce((sum, { weight }) => sum + weight, 0),
      members,
    }));
}

export const vipLoadAssignment = (clusterName: string, endpoints: readonly VipEndpoint[]): ClusterLoadAssignment =>
  groupedLoadAssignment(clusterName, groupsByLocality(endpoints));

export const groupedLoadAssignment = (clusterName: string, groups: readonly EndpointGroup[]): ClusterLoadAssignment =>
  ClusterLoadAssignment.fromPartial({
    clusterName,
    endpoints: groups.map(({ locality: { region, zone, subzone }, priority, weight, members }) => ({
      locality: { region, zone, subZone: subzone },
      priority,
      loadBalancingWeight: weight,
      lbEndpoints: members.map(lbEndpoint),
    })),
  });

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
