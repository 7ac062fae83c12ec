import type { TelemetrySpec } from '@weft/mesh-api';
import type { ServiceClaim } from '@weft/mesh-model';
import type { AccessLog } from '@weft/xds/gen/envoy/config/accesslog/v3/accesslog.js';
import { Config, Config_Histogram_Unit as Unit } from '@weft/xds/gen/envoy/extensions/access_loggers/stats/v3/stats.js';
import { STATE_PEER_PRINCIPAL } from '../connections/well-known-keys.js';
import type { Draft } from '../messages/draft.js';
import { filter } from '../messages/extension.js';
import { SOURCE_FIELDS, stateOfSource } from './source-metadata.js';

type Tag = { readonly name: string; readonly valueFormat: string };

/** Parts of the metadata of an endpoint; see `vip-endpoints`. */
const DESTINATION = {
  destination_workload: 'workload_name',
  destination_workload_namespace: 'workload_namespace',
  destination_principal: 'principal',
  destination_app: 'canonical_service',
  destination_version: 'canonical_revision',
  destination_canonical_service: 'canonical_service',
  destination_canonical_revision: 'canonical_revision',
  destination_cluster: 'cluster',
} as const;

/** The proxy itself, where it is the client. */
export interface MeasuredProxy {
  readonly workloadName: string;
  readonly namespace: string;
  readonly principal: string;
  readonly canonicalName: string;
  readonly canonicalRevision: string;
  readonly clusterId: string;
}

export type MeasuredTraffic =
  /** Of a service, at its waypoint. */
  | { readonly kind: 'service'; readonly claim: ServiceClaim }
  /** To addresses of workloads, at their waypoint; of the servers no more is known. */
  | { readonly kind: 'workload' }
  /** From a gateway, to whatever its routes say. Null: nothing is known of its proxies yet. */
  | { readonly kind: 'gateway'; readonly proxy: MeasuredProxy | null };

export interface MeasuredChain {
  readonly measured: MeasuredTraffic;
  readonly protocol: 'http' | 'grpc' | 'tcp';
  /** In order; later ones win. */
  readonly overrides: readonly MetricOverride[];
}

interface Metric {
  readonly stat: { readonly name: string; readonly tags: Tag[] };
  readonly valueFixed?: bigint;
  readonly valueFormat?: string;
}

interface Metrics {
  readonly counters: readonly Metric[];
  readonly histograms: readonly (Metric & { readonly unit: Unit; readonly valueFormat: string })[];
}

type MetricOverride = TelemetrySpec['metrics'][number]['overrides'][number];

/** Names in the API by the names of the metrics. */
const API_NAMES: Readonly<Record<string, string>> = {
  requests_total: 'REQUEST_COUNT',
  request_duration_milliseconds: 'REQUEST_DURATION',
  request_bytes: 'REQUEST_SIZE',
  response_bytes: 'RESPONSE_SIZE',
  tcp_connections_opened_total: 'TCP_OPENED_CONNECTIONS',
  tcp_connections_closed_total: 'TCP_CLOSED_CONNECTIONS',
  tcp_sent_bytes_total: 'TCP_SENT_BYTES',
  tcp_received_bytes_total: 'TCP_RECEIVED_BYTES',
};

/** Drops and changes metrics as a Telemetry says. An expression that would end the operator early is left out. */
function overridden<T extends Metric>(metrics: readonly T[], overrides: readonly MetricOverride[]): T[] {
  return metrics.flatMap((metric) => {
    const own = overrides.filter(({ match: { metric: name = 'ALL_METRICS', customMetric } = {} }) =>
      customMetric === undefined ? name === 'ALL_METRICS' || name === API_NAMES[metric.stat.name] : false,
    );
    if (own.findLast(({ disabled }) => disabled !== undefined)?.disabled === true) return [];
    const tags = new Map(metric.stat.tags.map((tag) => [tag.name, tag]));
    for (const { tagOverrides } of own)
      for (const [name, { operation = 'UPSERT', value = '' }] of Object.entries(tagOverrides)) {
        if (operation === 'REMOVE') tags.delete(name);
        else if (!value.includes(')%')) tags.set(name, { name, valueFormat: `%CEL(${value})%` });
      }
    return [{ ...metric, stat: { ...metric.stat, tags: [...tags.values()] } }];
  });
}

/**
 * Istio's metrics, counted by Envoy's own stats logger when a request or connection has ended. Who the client is
 * comes from its certificate and its tunnel, or is the gateway itself; who served it from the endpoint, and at gateways the service
 * from the cluster. What is not known is "-" or empty here; the proxy
 * agent writes "unknown". Messages of gRPC calls are not counted: Envoy tells how many there were only as one text for both ways.
 */
export function standardMetrics(chain: MeasuredChain): Draft<typeof AccessLog> {
  const { counters, histograms } = chain.protocol === 'tcp' ? tcpStats(tagsOf(chain)) : httpStats(tagsOf(chain));
  return filter('envoy.access_loggers.stats', Config, {
    statPrefix: 'istio',
    counters: overridden(counters, chain.overrides),
    histograms: overridden(histograms, chain.overrides),
  });
}

function httpStats(common: readonly Tag[]): Metrics {
  const tags = [
    ...common,
    { name: 'response_code', valueFormat: '%RESPONSE_CODE%' },
    { name: 'grpc_response_status', valueFormat: '%GRPC_STATUS_NUMBER%' },
  ];
  const stat = (name: string) => ({ name, tags: [...tags] });
  return {
    counters: [{ stat: stat('requests_total'), valueFixed: 1n }],
    histograms: [
      { stat: stat('request_duration_milliseconds'), unit: Unit.Milliseconds, valueFormat: '%DURATION%' },
      { stat: stat('request_bytes'), unit: Unit.Bytes, valueFormat: '%BYTES_RECEIVED%' },
      { stat: stat('response_bytes'), unit: Unit.Bytes, valueFormat: '%BYTES_SENT%' },
    ],
  };
}

function tcpStats(tags: readonly Tag[]): Metrics {
  const stat = (name: string) => ({ name, tags: [...tags] });
  return {
    // The logger speaks once, when the connection has ended: what was opened is counted then, too.
    counters: [
      { stat: stat('tcp_connections_opened_total'), valueFixed: 1n },
      { stat: stat('tcp_connections_closed_total'), valueFixed: 1n },
      { stat: stat('tcp_received_bytes_total'), valueFormat: '%BYTES_RECEIVED%' },
      { stat: stat('tcp_sent_bytes_total'), valueFormat: '%BYTES_SENT%' },
    ],
    histograms: [],
  };
}

function tagsOf({ measured, protocol }: MeasuredChain): readonly Tag[] {
  const destination = Object.entries(DESTINATION).map(
    ([name, field]) => [name, `%UPSTREAM_METADATA(istio:${field})%`] as const,
  );
  return [
    ['reporter', measured.kind === 'gateway' ? 'source' : 'waypoint'] as const,
    ...(measured.kind === 'gateway' ? gatewayTags(measured.proxy, protocol) : waypointTags(measured, protocol)),
    ...destination,
    ['response_flags', '%RESPONSE_FLAGS%'] as const,
  ].map(([name, valueFormat]) => ({ name, valueFormat }));
}

type Pairs = readonly (readonly [string, string])[];

function waypointTags(measured: Exclude<MeasuredTraffic, { kind: 'gateway' }>, protocol: string): Pairs {
  const source = Object.keys(SOURCE_FIELDS).map(
    (field) => [`source_${field}`, `%FILTER_STATE(${stateOfSource(field)}:PLAIN)%`] as const,
  );
  const claim = measured.kind === 'service' ? measured.claim : null;
  return [
    ['request_protocol', protocol],
    ['connection_security_policy', 'mutual_tls'],
    ['destination_service', claim?.hostname ?? NOTHING],
    ['destination_service_name', claim?.meta.name ?? NOTHING],
    ['destination_service_namespace', claim?.meta.namespace ?? NOTHING],
    ['source_principal', `%FILTER_STATE(${STATE_PEER_PRINCIPAL}:PLAIN)%`],
    ...source,
  ];
}

/** What the agent writes "unknown" for. */
const NOTHING = '-';

/** The service is that of the cluster which the request goes to; see `vip-cluster`. */
function gatewayTags(proxy: MeasuredProxy | null, protocol: string): Pairs {
  const ofCluster = (field: string): string => `%CLUSTER_METADATA(istio:${field})%`;
  return [
    ['request_protocol', protocol === 'tcp' ? protocol : ofCluster('protocol')],
    // As in Istio: who sends does not know what becomes of the connection.
    ['connection_security_policy', 'unknown'],
    ['destination_service', ofCluster('service')],
    ['destination_service_name', ofCluster('service_name')],
    ['destination_service_namespace', ofCluster('service_namespace')],
    ['source_principal', proxy?.principal ?? NOTHING],
    ['source_workload', proxy?.workloadName ?? NOTHING],
    ['source_workload_namespace', proxy?.namespace ?? NOTHING],
    ['source_app', proxy?.canonicalName ?? NOTHING],
    ['source_version', proxy?.canonicalRevision ?? NOTHING],
    ['source_canonical_service', proxy?.canonicalName ?? NOTHING],
    ['source_canonical_revision', proxy?.canonicalRevision ?? NOTHING],
    ['source_cluster', proxy?.clusterId ?? NOTHING],
  ];
}
