import type { Resolution } from '@weft/mesh-api';
import {
  Cluster_DiscoveryType,
  Cluster_DnsLookupFamily,
  Cluster_LbPolicy,
} from '@weft/xds/gen/envoy/config/cluster/v3/cluster.js';
import type { Cluster } from '@weft/xds/gen/envoy/config/cluster/v3/cluster.js';
import { ClusterConfig } from '@weft/xds/gen/envoy/extensions/clusters/dynamic_forward_proxy/v3/cluster.js';
import { ADS_ENDPOINTS } from '../messages/config-source.js';
import type { Draft } from '../messages/draft.js';
import { duration } from '../messages/duration.js';
import { extension } from '../messages/extension.js';
import { vipLoadAssignment, type VipEndpoint } from '../services/vip-endpoints.js';
import { dnsCacheOf } from './dns-cache.js';

/** Where a cluster has its endpoints from. */
export type Discovery =
  /** `of`: of the cluster of that name, too. */
  | { readonly kind: 'eds'; readonly of?: string }
  /** Names, and the addresses beside them. */
  | { readonly kind: 'dns'; readonly roundRobin: boolean; readonly endpoints: readonly VipEndpoint[] }
  /** The address that the client asked for. */
  | { readonly kind: 'client' }
  /** The name that the request, or the handshake, is for. */
  | { readonly kind: 'request' }
  | { readonly kind: 'none' };

export interface DiscoveryInputs {
  readonly resolution: Resolution;
  /** Of the cluster, if names may be among them. */
  readonly endpoints: readonly VipEndpoint[];
  /** Clients asked for the service itself; otherwise nobody knows the address, or the name, that it has for them. */
  readonly direct: boolean;
}

/** Whether the endpoints have to be known to say how they are found. */
export const mayHaveNames = (resolution: Resolution): boolean =>
  resolution === 'DNS' || resolution === 'DNS_ROUND_ROBIN';

/** Endpoints that are addresses alone come as those of any service do. */
export function discoveryOf({ resolution, endpoints, direct }: DiscoveryInputs): Discovery {
  if (resolution === 'NONE') return { kind: direct ? 'client' : 'none' };
  if (resolution === 'DYNAMIC_DNS') return { kind: direct ? 'request' : 'none' };
  if (!mayHaveNames(resolution) || !endpoints.some(({ isName }) => isName)) return { kind: 'eds' };
  // A name is resolved to sockets, and there is no tunnel to them: what wants one must not be sent plain text.
  const plain = endpoints.filter(({ hbone }) => !hbone);
  return { kind: 'dns', roundRobin: resolution === 'DNS_ROUND_ROBIN', endpoints: plain };
}

type Fields = Pick<
  Draft<typeof Cluster>,
  | 'clusterDiscoveryType'
  | 'edsClusterConfig'
  | 'loadAssignment'
  | 'lbPolicy'
  | 'lbConfig'
  | 'dnsLookupFamily'
  | 'dnsRefreshRate'
  | 'dnsFailureRefreshRate'
  | 'respectDnsTtl'
  | 'cleanupInterval'
>;

/** Where DNS does not say how long an answer holds: also for a name that does not exist. */
const REFRESH_MS = 5000;
/** When no name server answers it is asked again after this time, then less and less often. */
const RETRY_MS = { base: 1000, max: 10_000 };
const CLEANUP_MS = 60_000;

export interface DiscoveryNames {
  readonly name: string;
  /** Of the endpoints, where it is not the one that the client asked for; 0: it is. */
  readonly port: number;
  readonly hostname: string;
}

/** These go over what `loadBalancing` says: who finds an endpoint for each connection has chosen already. */
export function discoveryFields(discovery: Discovery, { name, port, hostname }: DiscoveryNames): Fields {
  const type = (value: Cluster_DiscoveryType) => ({ clusterDiscoveryType: { $case: 'type' as const, value } });
  switch (discovery.kind) {
    case 'eds':
      return {
        ...type(Cluster_DiscoveryType.EDS),
        edsClusterConfig: { edsConfig: ADS_ENDPOINTS, serviceName: discovery.of ?? name },
      };
    case 'dns': {
      const { roundRobin, endpoints } = discovery;
      return {
        ...type(roundRobin ? Cluster_DiscoveryType.LOGICAL_DNS : Cluster_DiscoveryType.STRICT_DNS),
        dnsLookupFamily: Cluster_DnsLookupFamily.V4_PREFERRED,
        dnsRefreshRate: duration(REFRESH_MS),
        dnsFailureRefreshRate: { baseInterval: duration(RETRY_MS.base), maxInterval: duration(RETRY_MS.max) },
        respectDnsTtl: true,
        loadAssignment: vipLoadAssignment(
          name,
          roundRobin ? endpoints.filter((one) => one.isName).slice(0, 1) : endpoints,
        ),
      };
    }
    case 'client':
      return {
        ...type(Cluster_DiscoveryType.ORIGINAL_DST),
        lbPolicy: Cluster_LbPolicy.CLUSTER_PROVIDED,
        cleanupInterval: duration(CLEANUP_MS),
        lbConfig: {
          $case: 'originalDstLbConfig',
          value: port === 0 ? {} : { upstreamPortOverride: port },
        },
      };
    case 'request':
      return {
        clusterDiscoveryType: {
          $case: 'clusterType',
          value: extension('envoy.clusters.dynamic_forward_proxy', ClusterConfig, {
            clusterImplementationSpecifier: { $case: 'dnsCacheConfig', value: dnsCacheOf(hostname) },
          }),
        },
        lbPolicy: Cluster_LbPolicy.CLUSTER_PROVIDED,
        lbConfig: undefined,
      };
    case 'none':
      return { ...type(Cluster_DiscoveryType.STATIC), loadAssignment: { clusterName: name } };
  }
}
