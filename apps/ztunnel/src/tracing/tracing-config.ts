import type { ConfigProblem, EnvReader } from '@weft/runtime';

/** Where spans go, and how many; the names are those that OpenTelemetry defines for every SDK. */
export interface TracingConfig {
  readonly endpoint: URL;
  readonly headers: Readonly<Record<string, string>>;
  readonly timeoutMs: number;
  readonly serviceName: string;
  /** Of connections whose trace begins here, 0 to 1. Whoever is called with a sampled parent follows it in any case. */
  readonly ratio: number;
  readonly maxQueued: number;
  readonly maxBatch: number;
  readonly delayMs: number;
}

const DEFAULT_ENDPOINT = 'http://localhost:4318';
const SAMPLERS = ['parentbased_always_on', 'parentbased_traceidratio', 'parentbased_always_off'] as const;

/** Null when tracing is off, which is the default. Problems are added to `problems`. */
export function readTracing(reader: EnvReader, problems: ConfigProblem[]): TracingConfig | null {
  const exporter = reader.oneOf('OTEL_TRACES_EXPORTER', ['none', 'otlp'], 'none');
  reader.oneOf('OTEL_EXPORTER_OTLP_PROTOCOL', ['http/json'], 'http/json');
  const sampler = reader.oneOf('OTEL_TRACES_SAMPLER', SAMPLERS, 'parentbased_traceidratio');
  const config = {
    endpoint: endpointOf(reader, problems),
    headers: headersOf(reader, problems),
    timeoutMs: reader.integer('OTEL_EXPORTER_OTLP_TIMEOUT', 10_000, 1, 600_000),
    serviceName: reader.string('OTEL_SERVICE_NAME', 'ztunnel'),
    ratio: ratioOf(reader, sampler, problems),
    maxQueued: reader.integer('OTEL_BSP_MAX_QUEUE_SIZE', 2048, 1, 1_000_000),
    maxBatch: reader.integer('OTEL_BSP_MAX_EXPORT_BATCH_SIZE', 512, 1, 100_000),
    delayMs: reader.integer('OTEL_BSP_SCHEDULE_DELAY', 5000, 10, 600_000),
  };
  return exporter === 'none' ? null : config;
}

/** The endpoint of traces as it is, or that of all signals with the path that the specification gives traces. */
function endpointOf(reader: EnvReader, problems: ConfigProblem[]): URL {
  const own = reader.optional('OTEL_EXPORTER_OTLP_TRACES_ENDPOINT');
  const key = own === undefined ? 'OTEL_EXPORTER_OTLP_ENDPOINT' : 'OTEL_EXPORTER_OTLP_TRACES_ENDPOINT';
  const text = own ?? `${reader.string('OTEL_EXPORTER_OTLP_ENDPOINT', DEFAULT_ENDPOINT).replace(/\/$/, '')}/v1/traces`;
  const url = URL.parse(text);
  if (url !== null && (url.protocol === 'http:' || url.protocol === 'https:')) return url;
  problems.push({ key, problem: `want a URL such as ${DEFAULT_ENDPOINT}, got ${JSON.stringify(text)}` });
  return new URL(DEFAULT_ENDPOINT);
}

/** `name=value,name=value`, values percent-encoded. */
function headersOf(reader: EnvReader, problems: ConfigProblem[]): Readonly<Record<string, string>> {
  const key = 'OTEL_EXPORTER_OTLP_HEADERS';
  const headers: Record<string, string> = {};
  for (const part of reader.string(key, '').split(',')) {
    if (part.trim() === '') continue;
    const match = /^\s*([A-Za-z0-9!#$%&'*+.^_`|~-]+)\s*=\s*([\x20-\x7e]*?)\s*$/.exec(part);
    const value = match === null ? null : decoded(match[2]!);
    if (match === null || value === null)
      problems.push({ key, problem: 'want name=value,name=value with percent-encoded values' });
    else headers[match[1]!.toLowerCase()] = value;
  }
  return headers;
}

function decoded(text: string): string | null {
  try {
    const value = decodeURIComponent(text);
    return /^[\x20-\x7e]*$/.test(value) ? value : null;
  } catch {
    return null;
  }
}

function ratioOf(reader: EnvReader, sampler: (typeof SAMPLERS)[number], problems: ConfigProblem[]): number {
  const key = 'OTEL_TRACES_SAMPLER_ARG';
  const text = reader.string(key, '0.01');
  const ratio = /^(0|1|0?\.\d+|[01]\.\d+)$/.test(text) ? Number(text) : NaN;
  if (!(ratio >= 0 && ratio <= 1))
    problems.push({ key, problem: `want a number from 0 to 1, got ${JSON.stringify(text)}` });
  if (sampler !== 'parentbased_traceidratio') return sampler === 'parentbased_always_on' ? 1 : 0;
  return ratio;
}
