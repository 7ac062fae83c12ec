import type { OpenTelemetryProvider, ZipkinProvider } from '@weft/mesh-api';
import { OpenTelemetryConfig } from '@weft/xds/gen/envoy/config/trace/v3/opentelemetry.js';
import {
  ZipkinConfig,
  ZipkinConfig_CollectorEndpointVersion as Version,
} from '@weft/xds/gen/envoy/config/trace/v3/zipkin.js';
import type { HttpConnectionManager_Tracing } from '@weft/xds/gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager.js';
import type { CustomTag } from '@weft/xds/gen/envoy/type/tracing/v3/custom_tag.js';
import type { Draft } from '../messages/draft.js';
import { duration } from '../messages/duration.js';
import { filter } from '../messages/extension.js';
import { hostOf, type Providers } from '../providers/provider-lookup.js';
import type { EffectiveTracing } from './effective-telemetry.js';

export type TracingDraft = Draft<typeof HttpConnectionManager_Tracing>;
type TagDraft = Draft<typeof CustomTag>;
type Sent = NonNullable<OpenTelemetryProvider['grpc']>['initialMetadata'];

const TIMEOUT_MS = 10_000;

/** Whose spans they are. */
export interface TracedProxy {
  readonly name: string;
  readonly namespace: string;
  readonly cluster: string;
}

/** Null: no provider, or one without a service. Requests go on without spans. */
export function tracingOf(
  effective: EffectiveTracing | null,
  providers: Providers,
  proxy: TracedProxy,
): TracingDraft | null {
  const { opentelemetry, zipkin } = (effective === null ? null : providers.find(effective.provider)) ?? {};
  const server = opentelemetry ?? zipkin;
  const cluster = server === undefined ? null : providers.clusterOf(server);
  if (effective === null || server === undefined || cluster === null) return null;
  return {
    clientSampling: { value: 100 },
    randomSampling: { value: effective.samplingPercent },
    overallSampling: { value: 100 },
    ...(server.maxTagLength === undefined ? {} : { maxPathTagLength: server.maxTagLength }),
    customTags: tagsOf(effective, proxy),
    provider:
      opentelemetry === undefined
        ? zipkinTracer(zipkin!, cluster)
        : openTelemetryTracer(opentelemetry, cluster, `${proxy.name}.${proxy.namespace}`),
  };
}

function tagsOf(
  { customTags, enableIstioTags }: EffectiveTracing,
  { name, namespace, cluster }: TracedProxy,
): TagDraft[] {
  const literal = (tag: string, value: string): TagDraft => ({ tag, type: { $case: 'literal', value: { value } } });
  const own = Object.entries(customTags).flatMap(([tag, source]): TagDraft[] => {
    if (source.literal !== undefined) return [literal(tag, source.literal.value)];
    if (source.header !== undefined) return [{ tag, type: { $case: 'requestHeader', value: valueOf(source.header) } }];
    if (source.environment !== undefined)
      return [{ tag, type: { $case: 'environment', value: valueOf(source.environment) } }];
    return [];
  });
  const standard = [
    literal('istio.canonical_service', name),
    literal('istio.canonical_revision', 'latest'),
    literal('istio.mesh_id', 'cluster.local'),
    literal('istio.namespace', namespace),
    literal('istio.cluster_id', cluster),
  ];
  return [...(enableIstioTags === false ? [] : standard), ...own].sort((a, b) =>
    (a.tag ?? '') < (b.tag ?? '') ? -1 : 1,
  );
}

const valueOf = ({ name, defaultValue }: { readonly name: string; readonly defaultValue?: string }) => ({
  name,
  defaultValue: defaultValue ?? '',
});

function zipkinTracer({ service, path, enable64bitTraceId }: ZipkinProvider, collectorCluster: string) {
  return filter('envoy.tracers.zipkin', ZipkinConfig, {
    collectorCluster,
    collectorHostname: hostOf(service),
    collectorEndpoint: path ?? '/api/v2/spans',
    collectorEndpointVersion: Version.HTTP_JSON,
    traceId128bit: enable64bitTraceId !== true,
    sharedSpanContext: false,
  });
}

function openTelemetryTracer(provider: OpenTelemetryProvider, cluster: string, serviceName: string) {
  const { service, http, grpc, port } = provider;
  if (http !== undefined)
    return filter('envoy.tracers.opentelemetry', OpenTelemetryConfig, {
      serviceName,
      httpService: {
        httpUri: {
          uri: `http://${hostOf(service)}:${port}${http.path}`,
          httpUpstreamType: { $case: 'cluster', value: cluster },
          timeout: duration(http.timeout ?? TIMEOUT_MS),
        },
        requestHeadersToAdd: sent(http.headers).map((header) => ({ header })),
      },
    });
  return filter('envoy.tracers.opentelemetry', OpenTelemetryConfig, {
    serviceName,
    grpcService: {
      targetSpecifier: { $case: 'envoyGrpc', value: { clusterName: cluster, authority: hostOf(service) } },
      timeout: duration(grpc?.timeout ?? TIMEOUT_MS),
      initialMetadata: sent(grpc?.initialMetadata ?? []),
    },
  });
}

const sent = (headers: Sent) => headers.map(({ name, value }) => ({ key: name, value: value ?? '' }));
