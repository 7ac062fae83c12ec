import { expressionFault, TELEMETRIES } from '@weft/mesh-api';
import { Listener } from '@weft/xds/gen/envoy/config/listener/v3/listener.js';
import { StdoutAccessLog } from '@weft/xds/gen/envoy/extensions/access_loggers/stream/v3/stream.js';
import { TcpProxy } from '@weft/xds/gen/envoy/extensions/filters/network/tcp_proxy/v3/tcp_proxy.js';
import fc from 'fast-check';
import { filter } from '../messages/extension.js';
import { rejectionByEnvoy } from '../testing/validate-with-envoy.js';
import { celFilter } from './provider-logs.js';

/** What Envoy says to them, as filters of logs and as values of tags: it refuses all for one. */
function rejection(expressions: readonly string[]): Promise<string | null> {
  const logOf = (text: string) =>
    filter('envoy.access_loggers.stdout', StdoutAccessLog, {
      accessLogFormat: {
        $case: 'logFormat',
        value: {
          format: { $case: 'textFormatSource', value: { specifier: { $case: 'inlineString', value: `${text}\n` } } },
        },
      },
    });
  const accessLog = [
    ...expressions.map((one) => ({ ...logOf('x'), filter: celFilter(one) })),
    ...expressions.filter((one) => !one.includes(')%')).map((one) => logOf(`%CEL(${one})%`)),
  ];
  const listener = Listener.fromPartial({
    name: 'expressions',
    listenerSpecifier: { $case: 'internalListener', value: {} },
    filterChains: [
      {
        filters: [
          filter('envoy.filters.network.tcp_proxy', TcpProxy, {
            statPrefix: 'x',
            clusterSpecifier: { $case: 'cluster', value: 'nowhere' },
            accessLog,
          }),
        ],
      },
    ],
  });
  return rejectionByEnvoy({ clusters: [], listeners: [listener], routes: [] });
}

const GOOD = [
  'response.code >= 400',
  "request.path.startsWith('/a') && !(request.method in ['GET', 'HEAD'])",
  "has(request.headers.foo) ? request.headers['foo'] : 'none'",
  "'x-team' in request.headers || size(request.path) > 100",
  "request.path.matches('^/api/v[0-9]+/[^/]+/.*$')",
  "re.extract(request.path, '/(.*)', r'\\1') == 'a'",
  "request.duration > duration('1s') && request.time.getHours() < 7",
  "metadata.filter_metadata['a']['b'] == {'a': [1, 2u, -3, 1.5, null]}['a']",
  "connection.mtls && xds.cluster_name != '' && upstream.port % 2 == 1",
  "filter_state['io.istio.peer_principal'] + '' == 'x'",
  'type(response.code) == int',
];

/** Envoy refuses each of them. */
const BAD = [
  'response.code >=',
  'a b',
  'foo(1) == 1',
  'string(response.code) == "200"',
  '[1, 2].exists(x, x == 1)',
  "request.headers.all(k, k == 'a')",
  "request.path.lowerAscii() == '/a'",
  "request.path.split('/')[0] == 'a'",
  "request.path.startsWith('a', 'b')",
  'getHours(request.time) == 1',
  'has(request)',
  "has(request.headers['x'])",
  "request.path.matches('(?=a)')",
  "request.path.matches('a{500}')",
  "request.path.matches('\\\\p{L}')",
  '18446744073709551616 > 1',
  `${'('.repeat(40)}true${')'.repeat(40)}`,
  `request${'.a'.repeat(40)}`,
  Array.from({ length: 40 }, () => '1').join(' + '),
  'request.?path',
];

const generated = fc.letrec<{ any: string; leaf: string }>((tie) => ({
  leaf: fc.oneof(
    fc.constantFrom('request.path', 'response.code', "request.headers['a']", 'request.time', 'true', "'a'", '7', '2u'),
    fc.constantFrom("metadata.filter_metadata['x']", 'has(request.headers)', 'source.address', 'nobody', '-1', '1.5'),
    fc.string({ maxLength: 6 }).map((text) => JSON.stringify(text)),
    fc.bigInt({ min: -(2n ** 66n), max: 2n ** 66n }).map(String),
  ),
  any: fc.oneof(
    { maxDepth: 6, withCrossShrink: true },
    tie('leaf'),
    fc
      .tuple(tie('any'), fc.constantFrom('==', '&&', '||', '+', '<', 'in', '%', '!='), tie('any'))
      .map((parts) => parts.join(' ')),
    tie('any').map((one) => `(${one})`),
    tie('any').map((one) => `!(${one})`),
    tie('any').map((one) => `[${one}, ${one}]`),
    fc
      .tuple(
        tie('any'),
        fc.constantFrom('startsWith', 'matches', 'size', 'getHours', 'exists', 'lowerAscii'),
        tie('any'),
      )
      .map(([a, name, b]) => `(${a}).${name}(${b})`),
    fc
      .tuple(fc.constantFrom('size', 'int', 'string', 'has', 'type', 'dyn', 'matches'), tie('any'))
      .map(([name, a]) => `${name}(${a})`),
    fc
      .tuple(tie('leaf'), fc.stringMatching(/^[\w.^$()[\]{}|*+?\\-]{1,12}$/))
      .map(([a, pattern]) => `${a}.matches(${JSON.stringify(pattern)})`),
    fc.tuple(tie('any'), tie('any'), tie('any')).map(([a, b, c]) => `${a} ? ${b} : ${c}`),
  ),
}));

describe('a CEL expression', () => {
  it('that is good, Envoy takes', async () => {
    expect(GOOD.map(expressionFault)).toEqual(GOOD.map(() => null));
    expect(await rejection(GOOD)).toBeNull();
  });

  it.each(BAD)('that Envoy would refuse is refused before: %s', async (expression) => {
    expect(expressionFault(expression)?.severity).toBe('error');
    expect(await rejection([expression])).not.toBeNull();
  });

  it.each([20_261_123, 7, 12])('of 2,000 generated ones Envoy takes all that are good (seed %i)', async (seed) => {
    const all = fc.sample(generated.any, { seed, numRuns: 2000 });
    const good = [...new Set(all)].filter((one) => expressionFault(one)?.severity !== 'error');
    expect(good.length).toBeGreaterThan(200);
    expect(good.length).toBeLessThan(all.length);
    expect(await rejection(good)).toBeNull();
  });
});

describe('a Telemetry with a bad expression', () => {
  const parse = (spec: object) =>
    TELEMETRIES.parse({ kind: 'Telemetry', metadata: { name: 't', namespace: 'shop' }, spec });

  it('has the entry of the log left out, and says why', () => {
    const { spec, problems } = parse({
      accessLogging: [{ filter: { expression: 'nobody(1)' } }, { filter: { expression: 'response.code > 1' } }],
    });
    expect(spec?.accessLogging).toEqual([expect.objectContaining({ filter: { expression: 'response.code > 1' } })]);
    expect(problems).toEqual([expect.objectContaining({ severity: 'error' })]);
    expect(JSON.stringify(problems)).toContain('calls nobody with 1 arguments, which Envoy does not have');
  });

  it.each(["foo('x')", '(response.code)%2', ''])('has the tag left out, and says why: %j', (value) => {
    const tagOverrides = { bad: { value }, good: { value: 'request.method' } };
    const { spec, problems } = parse({ metrics: [{ overrides: [{ tagOverrides }] }] });
    expect(Object.keys(spec!.metrics[0]!.overrides[0]!.tagOverrides)).toEqual(['good']);
    expect(problems).toHaveLength(1);
  });
});
