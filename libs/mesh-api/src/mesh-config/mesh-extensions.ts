import { ok, type Result } from '@weft/result';
import { formatProblem } from '../field-problem.js';
import { FieldReader } from '../field-reader.js';
import { retries, type Retries } from '../networking/retries.js';
import {
  connectionPool,
  localityLbSetting,
  outlierDetection,
  type ConnectionPool,
  type LocalityLbSetting,
  type OutlierDetection,
} from '../networking/traffic-policy.js';
import { ProblemList } from '../problem-list.js';
import type { Field } from '../schema/field.js';
import { BUILT_IN_PROVIDERS, defaultProviders, readProviders, type ExtensionProvider } from './extension-providers.js';
import { meshConfigMapping } from './mesh-config-mapping.js';

/** What MeshConfig says of what proxies tell and ask others. */
export interface MeshExtensions {
  /** By name. */
  readonly providers: Readonly<Record<string, ExtensionProvider>>;
  readonly defaults: Readonly<Record<'tracing' | 'metrics' | 'accessLogging', readonly string[]>>;
  /** The access log of every proxy without a Telemetry; undefined: none. */
  readonly accessLogFile?: string;
  readonly accessLogEncoding: 'TEXT' | 'JSON';
  readonly accessLogFormat?: string;
  readonly enableTracing: boolean;
  /** Percent of requests that get spans. */
  readonly sampling: number;
  readonly pathNormalization: PathNormalization;
  /** Of every service, where its DestinationRules say nothing. */
  readonly defaultTrafficPolicy?: MeshTrafficPolicy;
  /** Of every service whose DestinationRules say nothing of localities, and which has no traffic distribution. */
  readonly localityLbSetting?: LocalityLbSetting;
  /** Of routes that say nothing of retries. */
  readonly defaultHttpRetryPolicy?: Retries;
}

export interface MeshTrafficPolicy {
  readonly connectionPool?: ConnectionPool;
  readonly outlierDetection?: OutlierDetection;
}

export type PathNormalization = 'NONE' | 'BASE' | 'MERGE_SLASHES' | 'DECODE_AND_MERGE_SLASHES';

/** Istio's default of PILOT_TRACE_SAMPLING. */
const SAMPLING_PERCENT = 1;

export const NO_EXTENSIONS: MeshExtensions = {
  providers: byName(BUILT_IN_PROVIDERS),
  defaults: { tracing: [], metrics: ['prometheus'], accessLogging: [] },
  accessLogEncoding: 'TEXT',
  enableTracing: true,
  sampling: SAMPLING_PERCENT,
  pathNormalization: 'BASE',
};

export interface ReadMeshExtensions {
  readonly extensions: MeshExtensions;
  /** Each names the field and the cure. */
  readonly problems: readonly string[];
}

/**
 * Reads the YAML of MeshConfig. A provider that cannot be read is left out, and said; who names it fails closed. The error:
 * it is no YAML mapping.
 */
export function parseMeshExtensions(yaml: string): Result<ReadMeshExtensions, string> {
  const config = meshConfigMapping(yaml);
  if (!config.ok) return config;
  const problems = new ProblemList();
  const extensions = read(new FieldReader(config.value, 'MeshConfig', problems));
  return ok({ extensions, problems: problems.all.map(formatProblem) });
}

function read(root: FieldReader): MeshExtensions {
  const named = root.field('defaultProviders');
  const defaults = named.present ? defaultProviders.read(named) : undefined;
  const file = root.field('accessLogFile').text() ?? '';
  const format = root.field('accessLogFormat').text() ?? '';
  const normalization = root
    .field('pathNormalization')
    .field('normalization')
    .oneOf(['DEFAULT', 'NONE', 'BASE', 'MERGE_SLASHES', 'DECODE_AND_MERGE_SLASHES']);
  return {
    providers: byName([...BUILT_IN_PROVIDERS, ...readProviders(root.field('extensionProviders'))]),
    defaults: {
      tracing: defaults?.tracing ?? [],
      metrics: defaults !== undefined && defaults.metrics.length > 0 ? defaults.metrics : ['prometheus'],
      accessLogging: defaults?.accessLogging ?? [],
    },
    ...(file === '' ? {} : { accessLogFile: file }),
    ...(format === '' ? {} : { accessLogFormat: format }),
    accessLogEncoding: root.field('accessLogEncoding').oneOf(['TEXT', 'JSON']) ?? 'TEXT',
    enableTracing: root.field('enableTracing').boolean() ?? true,
    sampling: root.field('defaultConfig').field('tracing').field('sampling').number(0, 100) ?? SAMPLING_PERCENT,
    ...trafficDefaults(root),
    pathNormalization: normalization === undefined || normalization === 'DEFAULT' ? 'BASE' : normalization,
  };
}

export type TrafficDefaults = Pick<
  MeshExtensions,
  'defaultTrafficPolicy' | 'defaultHttpRetryPolicy' | 'localityLbSetting'
>;

function trafficDefaults(root: FieldReader): TrafficDefaults {
  const policy = root.field('defaultTrafficPolicy');
  const read = <T>(field: Field<T>, at: FieldReader): T | undefined => (at.present ? field.read(at) : undefined);
  const pool = read(connectionPool, policy.field('connectionPool'));
  const outliers = read(outlierDetection, policy.field('outlierDetection'));
  const places = read(localityLbSetting, root.field('localityLbSetting'));
  const again = read(retries, root.field('defaultHttpRetryPolicy'));
  return {
    ...(policy.present && {
      defaultTrafficPolicy: { ...(pool && { connectionPool: pool }), ...(outliers && { outlierDetection: outliers }) },
    }),
    ...(places && { localityLbSetting: places }),
    ...(again && { defaultHttpRetryPolicy: again }),
  };
}

function byName(providers: readonly ExtensionProvider[]): Readonly<Record<string, ExtensionProvider>> {
  return Object.fromEntries(providers.map((one) => [one.name, one]));
}
