import type { TelemetrySpec } from '@weft/mesh-api';
import type { Readable } from '@weft/mesh-model';
import type { ChainSettings } from '../chains/chain-settings.js';
import type { AccessLogDraft } from '../chains/filter-chain.js';
import { effectiveLogs, effectiveTracing, metricOverrides, type TelemetrySide } from './effective-telemetry.js';
import { providerLogs } from './provider-logs.js';
import { standardMetrics, type MeasuredTraffic } from './standard-metrics.js';
import { tracingOf, type TracingDraft } from './tracing.js';

export interface ReportedTraffic {
  /** The widest scope first. */
  readonly telemetries: readonly Readable<TelemetrySpec>[];
  readonly measured: MeasuredTraffic;
  readonly protocol: 'http' | 'grpc' | 'tcp';
}

/** A gateway is a client of what it sends to; a waypoint stands before the server. */
const sideOf = ({ kind }: MeasuredTraffic): TelemetrySide => (kind === 'gateway' ? 'CLIENT' : 'SERVER');

/** Metrics and access logs: both are written when a request or connection has ended. */
export function reports(
  { telemetries, measured, protocol }: ReportedTraffic,
  { providers }: ChainSettings,
): readonly AccessLogDraft[] {
  const side = sideOf(measured);
  const overrides = metricOverrides(telemetries, providers.extensions, side);
  const logs = effectiveLogs(telemetries, providers.extensions, side);
  return [
    ...(overrides === null ? [] : [standardMetrics({ measured, protocol, overrides })]),
    ...providerLogs(logs, providers, protocol === 'tcp' ? 'tcp' : 'http'),
  ];
}

/** Null: none are made. */
export function spans(
  { telemetries, measured }: Pick<ReportedTraffic, 'telemetries' | 'measured'>,
  proxy: { readonly name: string; readonly namespace: string },
  { providers, clusterId: cluster }: ChainSettings,
): TracingDraft | null {
  const effective = effectiveTracing(telemetries, providers.extensions, sideOf(measured));
  return tracingOf(effective, providers, { name: proxy.name, namespace: proxy.namespace, cluster });
}
