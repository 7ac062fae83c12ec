import type { MeshExtensions, TelemetrySpec } from '@weft/mesh-api';
import type { Readable } from '@weft/mesh-model';

type Telemetries = readonly Readable<TelemetrySpec>[];
type Tracing = TelemetrySpec['tracing'][number];
type MetricOverride = TelemetrySpec['metrics'][number]['overrides'][number];

/** A log of one provider; a name that begins with a slash is a file. */
export interface EffectiveLog {
  readonly provider: string;
  /** CEL. */
  readonly filter?: string;
}

export interface EffectiveTracing extends Pick<Tracing, 'customTags' | 'enableIstioTags'> {
  readonly provider: string;
  readonly samplingPercent: number;
}

export type TelemetrySide = 'CLIENT' | 'SERVER';

const isFor =
  (side: TelemetrySide) =>
  ({ match }: { readonly match?: { readonly mode?: string } }): boolean =>
    match?.mode !== (side === 'SERVER' ? 'CLIENT' : 'SERVER');

/** Name of the log of `accessLogFile`. */
export const MESH_LOG = '/mesh';

/**
 * Each scope that names providers replaces those of the wider ones; one that names none switches or filters them.
 *
 * @see https://istio.io/latest/docs/reference/config/telemetry/
 */
export function effectiveLogs(
  telemetries: Telemetries,
  mesh: MeshExtensions,
  side: TelemetrySide,
): readonly EffectiveLog[] {
  const ofMesh = mesh.accessLogFile === undefined ? [] : [MESH_LOG];
  let logs: readonly EffectiveLog[] = [...ofMesh, ...mesh.defaults.accessLogging].map((provider) => ({ provider }));
  for (const { spec } of telemetries) {
    const entries = spec.accessLogging.filter(isFor(side));
    if (entries.length === 0) continue;
    const inherited = logs.length > 0 ? logs.map(({ provider }) => provider) : ['envoy'];
    const byName = new Map<string, EffectiveLog | null>();
    for (const { providers, disabled = false, filter } of entries) {
      const names = providers.length > 0 ? providers.map(({ name }) => name) : inherited;
      for (const provider of names) {
        const expression = filter?.expression ?? '';
        byName.set(provider, disabled ? null : { provider, ...(expression === '' ? {} : { filter: expression }) });
      }
    }
    logs = [...byName.values()].filter((one) => one !== null);
  }
  return logs;
}

/** Null: no spans. */
export function effectiveTracing(
  telemetries: Telemetries,
  mesh: MeshExtensions,
  side: TelemetrySide,
): EffectiveTracing | null {
  let provider = mesh.defaults.tracing[0];
  let samplingPercent = mesh.sampling;
  let disabled = !mesh.enableTracing;
  let customTags: Tracing['customTags'] = {};
  let enableIstioTags = true;
  for (const { spec } of telemetries) {
    const one = spec.tracing.find(isFor(side));
    if (one === undefined) continue;
    provider = one.providers[0]?.name ?? provider;
    samplingPercent = one.randomSamplingPercentage ?? samplingPercent;
    disabled = one.disableSpanReporting ?? disabled;
    enableIstioTags = one.enableIstioTags ?? enableIstioTags;
    if (Object.keys(one.customTags).length > 0) ({ customTags } = one);
  }
  return provider === undefined || disabled ? null : { provider, samplingPercent, customTags, enableIstioTags };
}

/** What happens to the metrics; null: there are none. Narrower scopes come later and win. */
export function metricOverrides(
  telemetries: Telemetries,
  mesh: MeshExtensions,
  side: TelemetrySide,
): readonly MetricOverride[] | null {
  const isPrometheus = (name: string): boolean => mesh.providers[name]?.prometheus !== undefined;
  let made = mesh.defaults.metrics.some(isPrometheus);
  const overrides: MetricOverride[] = [];
  for (const { spec } of telemetries)
    for (const one of spec.metrics) {
      if (one.providers.length > 0) {
        if (!one.providers.some(({ name }) => isPrometheus(name))) continue;
        made = true;
      }
      overrides.push(...one.overrides.filter(isFor(side)));
    }
  return made ? overrides : null;
}
