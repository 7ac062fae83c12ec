import { Registry } from 'prom-client';
import { DnsMetrics } from '../dns/dns-metrics.js';
import { OnDemandDnsMetrics } from './on-demand-dns-metrics.js';
import { ProcessMetrics } from './process-metrics.js';
import { TRAFFIC_LABELS } from './traffic-labels.js';
import { TrafficMetrics } from './traffic-metrics.js';

// The table of `l4-ambient.md` 8.1. Left out: `process_*` are of prom-client, `tokio_*` is another runtime's.

const PEER = [
  'workload',
  'canonical_service',
  'canonical_revision',
  'workload_namespace',
  'principal',
  'app',
  'version',
  'cluster',
];
const TRAFFIC = [
  'reporter',
  ...PEER.map((name) => `source_${name}`),
  'destination_service',
  'destination_service_namespace',
  'destination_service_name',
  ...PEER.map((name) => `destination_${name}`),
  'request_protocol',
  'response_flags',
  'connection_security_policy',
  'source_region',
  'source_zone',
  'destination_region',
  'destination_zone',
];
const DNS = ['request_query_type', 'request_protocol', 'source_canonical_service', 'source_canonical_revision'];

const registry = new Registry();
new TrafficMetrics(registry, () => undefined);
new ProcessMetrics(registry, '1', { activePods: () => 0, pendingPods: () => 0, lostLogLines: () => 0 });
new DnsMetrics(registry);
new OnDemandDnsMetrics(registry);

interface Declared {
  readonly type: string;
  readonly labelNames: readonly string[];
  readonly upperBounds?: readonly number[];
}

it('the labels of traffic are those of Istio, in its order', () => expect(TRAFFIC_LABELS).toEqual(TRAFFIC));

it.each<[string, string, readonly string[]]>([
  ['istio_tcp_connections_opened_total', 'counter', TRAFFIC],
  ['istio_tcp_connections_closed_total', 'counter', TRAFFIC],
  ['istio_tcp_connections_failed_total', 'counter', TRAFFIC],
  ['istio_tcp_received_bytes_total', 'counter', TRAFFIC],
  ['istio_tcp_sent_bytes_total', 'counter', TRAFFIC],
  ['istio_tcp_sockets_open', 'gauge', ['reporter']],
  ['istio_on_demand_dns_total', 'counter', ['hostname', ...PEER.map((name) => `source_${name}`)]],
  ['istio_crl_policy_rejections_total', 'counter', ['reporter']],
  ['istio_build', 'gauge', ['component', 'tag']],
  ['istio_dns_requests_total', 'counter', DNS],
  ['istio_dns_upstream_requests_total', 'counter', DNS],
  ['istio_dns_upstream_failures_total', 'counter', DNS],
  ['istio_dns_upstream_request_duration_seconds', 'histogram', DNS],
  ['istio_xds_connection_terminations_total', 'counter', ['reason']],
  ['istio_xds_message_total', 'counter', ['url']],
  ['istio_xds_message_bytes_total', 'counter', ['url']],
  ['workload_manager_active_proxy_count', 'gauge', []],
  ['workload_manager_pending_proxy_count', 'gauge', []],
  ['workload_manager_proxies_started_total', 'counter', []],
  ['workload_manager_proxies_stopped_total', 'counter', []],
])('%s is a %s', (name, type, labels) => {
  const metric = registry.getSingleMetric(name) as unknown as Declared | undefined;
  expect([metric?.constructor.name.toLowerCase(), metric?.labelNames]).toEqual([type, labels]);
});

it('the time of an upstream answer has the buckets of Istio', () => {
  const metric = registry.getSingleMetric('istio_dns_upstream_request_duration_seconds') as unknown as Declared;
  expect(metric.upperBounds).toEqual([0.0005, 0.001, 0.01, 0.1, 1, 5]);
});
