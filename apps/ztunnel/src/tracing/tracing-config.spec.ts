import { EnvReader, type ConfigProblem } from '@weft/runtime';
import { readTracing } from './tracing-config.js';

function read(env: Readonly<Record<string, string>>) {
  const problems: ConfigProblem[] = [];
  const reader = new EnvReader(env);
  const config = readTracing(reader, problems);
  return { config, problems: [...problems, ...reader.problems()].map(({ key }) => key) };
}

const ON = { OTEL_TRACES_EXPORTER: 'otlp' };

it('is off unless asked for', () => {
  expect(read({})).toEqual({ config: null, problems: [] });
  expect(read({ OTEL_EXPORTER_OTLP_ENDPOINT: 'http://collector:4318' }).config).toBeNull();
});

it('has the defaults of the specification, but follows one connection in a hundred', () => {
  expect(read(ON).config).toMatchObject({
    endpoint: new URL('http://localhost:4318/v1/traces'),
    headers: {},
    timeoutMs: 10_000,
    serviceName: 'ztunnel',
    ratio: 0.01,
    maxQueued: 2048,
    maxBatch: 512,
    delayMs: 5000,
  });
});

it('adds the path to the endpoint of all signals, not to that of traces', () => {
  const endpoint = (env: Readonly<Record<string, string>>) => read({ ...ON, ...env }).config?.endpoint.href;
  expect(endpoint({ OTEL_EXPORTER_OTLP_ENDPOINT: 'https://c:4318/base/' })).toBe('https://c:4318/base/v1/traces');
  expect(endpoint({ OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'https://c/x' })).toBe('https://c/x');
});

it.each([
  ['parentbased_always_on', '0.5', 1],
  ['parentbased_always_off', '0.5', 0],
  ['parentbased_traceidratio', '0.5', 0.5],
])('sampler %s', (sampler, argument, ratio) => {
  const { config } = read({ ...ON, OTEL_TRACES_SAMPLER: sampler, OTEL_TRACES_SAMPLER_ARG: argument });
  expect(config?.ratio).toBe(ratio);
});

it('decodes headers', () => {
  const { config } = read({ ...ON, OTEL_EXPORTER_OTLP_HEADERS: 'Authorization=Basic%20abc%3D, x-tenant = one' });
  expect(config?.headers).toEqual({ authorization: 'Basic abc=', 'x-tenant': 'one' });
});

it.each([
  ['OTEL_TRACES_EXPORTER', 'zipkin'],
  ['OTEL_EXPORTER_OTLP_PROTOCOL', 'grpc'],
  ['OTEL_EXPORTER_OTLP_ENDPOINT', 'collector:4318'],
  ['OTEL_EXPORTER_OTLP_TRACES_ENDPOINT', 'ftp://c/'],
  ['OTEL_TRACES_SAMPLER', 'sometimes'],
  ['OTEL_TRACES_SAMPLER_ARG', '1.5'],
  ['OTEL_TRACES_SAMPLER_ARG', 'half'],
  ['OTEL_EXPORTER_OTLP_HEADERS', 'novalue'],
  ['OTEL_EXPORTER_OTLP_HEADERS', 'a=%zz'],
  ['OTEL_EXPORTER_OTLP_HEADERS', 'a=b%0d%0ac'],
  ['OTEL_BSP_MAX_QUEUE_SIZE', '0'],
])('%s=%s is refused by name', (key, value) => {
  expect(read({ ...ON, [key]: value }).problems).toEqual([key]);
});
