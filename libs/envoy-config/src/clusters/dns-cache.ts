import { Cluster_DnsLookupFamily } from '@weft/xds/gen/envoy/config/cluster/v3/cluster.js';
import type { DnsCacheConfig } from '@weft/xds/gen/envoy/extensions/common/dynamic_forward_proxy/v3/dns_cache.js';
import type { Draft } from '../messages/draft.js';
import { duration } from '../messages/duration.js';

/** A stranger who makes up names must not fill the memory of the proxy. */
const MAX_HOSTS = 1024;
const REFRESH_MS = 60_000;
const UNUSED_MS = 300_000;
const QUERY_MS = 5000;

/** Names below a wildcard that were asked for. Filter and cluster of one service share it by its name, so that both have to say the same. */
export const dnsCacheOf = (hostname: string): Draft<typeof DnsCacheConfig> => ({
  name: hostname,
  dnsLookupFamily: Cluster_DnsLookupFamily.V4_PREFERRED,
  dnsRefreshRate: duration(REFRESH_MS),
  hostTtl: duration(UNUSED_MS),
  maxHosts: MAX_HOSTS,
  dnsQueryTimeout: duration(QUERY_MS),
});
