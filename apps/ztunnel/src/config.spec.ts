import * as fc from 'fast-check';
import { parseConfig, type ZtunnelConfig } from './config.js';

function parse(env: Record<string, string>, cores = 8): ZtunnelConfig {
  const parsed = parseConfig(env, cores);
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.error));
  return parsed.value;
}
const problems = (env: Record<string, string>) => {
  const parsed = parseConfig(env, 8);
  return parsed.ok ? [] : parsed.error.map(({ key, problem }) => `${key} ${problem}`);
};

describe('parseConfig', () => {
  it('has the defaults of Istio', () => {
    expect(parse({})).toMatchObject({
      engine: 'auto',
      workers: 2,
      clusterId: 'Kubernetes',
      trustDomain: 'cluster.local',
      xds: {
        address: 'https://localhost:15012',
        root: '/var/run/secrets/istio/root-cert.pem',
        token: '/var/run/secrets/tokens/istio-token',
      },
      secretTtlSeconds: 86_400,
      zdsPath: '/var/run/ztunnel/ztunnel.sock',
      packetMark: 1337,
      keepAlive: { idleSeconds: 180, intervalSeconds: 180, probes: 9 },
      poolIdleMs: 300_000,
      drainMs: 5000,
      logFormat: 'text',
      ports: { admin: 15000, metrics: 15020, readiness: 15021 },
    });
  });

  it('finds control plane and CA by their service names in a cluster', () => {
    const config = parse({ KUBERNETES_SERVICE_HOST: '10.96.0.1' });
    expect([config.xds?.address, config.ca?.address]).toEqual([
      'https://istiod.istio-system.svc:15012',
      'https://weft-ca.istio-system.svc:15012',
    ]);
  });

  it('an empty address disables', () =>
    expect(parse({ XDS_ADDRESS: '', CA_ADDRESS: '' })).toMatchObject({ xds: null, ca: null }));

  it('captures DNS only when told, and takes the namespace whose services win', () => {
    expect(parse({})).toMatchObject({ dnsCapture: true, preferredServiceNamespace: null });
    expect(parse({ ISTIO_META_DNS_CAPTURE: 'false', PREFERED_SERVICE_NAMESPACE: 'apis' })).toMatchObject({
      dnsCapture: false,
      preferredServiceNamespace: 'apis',
    });
  });

  it('takes extra headers and node metadata', () => {
    const config = parse({ XDS_HEADER_FOO: 'x', ISTIO_META_CLUSTER_ID: 'c2', ISTIO_METAJSON_LABELS: '{"a":1}' });
    expect(config.xds?.headers).toEqual({ foo: 'x' });
    expect(config).toMatchObject({ clusterId: 'c2', nodeMetadata: { CLUSTER_ID: 'c2', LABELS: { a: 1 } } });
  });

  it.each<[Record<string, string>, number]>([
    [{ TERMINATION_GRACE_PERIOD_SECONDS: '30' }, 25_000],
    [{ TERMINATION_GRACE_PERIOD_SECONDS: '10' }, 9000],
    [{ TERMINATION_GRACE_PERIOD_SECONDS: '1' }, 1000],
    [{ TERMINATION_GRACE_PERIOD_SECONDS: '30', CONNECTION_TERMINATION_DEADLINE: '2s' }, 2000],
  ])('%j drains for %i ms', (env, want) => expect(parse(env).drainMs).toBe(want));

  it.each<[Record<string, string>, number, number]>([
    [{ ZTUNNEL_WORKER_THREADS: '3' }, 8, 3],
    [{ ZTUNNEL_WORKER_THREADS: '0' }, 8, 8],
    [{ ZTUNNEL_WORKER_THREADS: '50%' }, 8, 4],
    [{ ZTUNNEL_WORKER_THREADS: '1%' }, 8, 1],
    [{ ZTUNNEL_CPU_LIMIT: '4', ZTUNNEL_WORKER_THREADS: '0' }, 64, 4],
    [{ ZTUNNEL_RESOURCE_CPU_LIMIT: '6' }, 64, 6],
    [{ ZTUNNEL_RESOURCE_CPU_REQUEST: '5' }, 8, 5],
    [{}, 32, 8],
    [{}, 1, 1],
  ])('%j on %i cores runs %i threads', (env, cores, want) => expect(parse(env, cores).workers).toBe(want));

  it('takes what Kubernetes says of a Service named weft-ca for no setting of ours', () => {
    const links = {
      WEFT_CA_SERVICE_HOST: '10.96.0.2',
      WEFT_CA_PORT: 'tcp://10.96.0.2:15012',
      WEFT_CA_PORT_15012_TCP_ADDR: '10.96.0.2',
    };
    expect(problems(links)).toEqual([]);
    expect(problems({ ...links, WEFT_CB_PORT: '1' })).toEqual(['WEFT_CB_PORT is not a known setting; see --help']);
  });

  it('names all problems at once, with the cure', () => {
    expect(
      problems({
        PACKET_MARK: 'x',
        SECRET_TTL: '1 day',
        PROXY_MODE: 'dedicated',
        WEFT_TYPO: '1',
        ISTIO_META_DNS_CAPTURE: 'perhaps',
        PROXY_CONFIG: '/x',
        ZTUNNEL_WORKER_THREADS: 'many',
        RUST_LOG: 'loud',
        ISTIO_METAJSON_X: '{',
      }),
    ).toEqual([
      'ZTUNNEL_WORKER_THREADS want a number or a percentage, got "many"',
      'ISTIO_METAJSON_X is not JSON',
      'RUST_LOG "loud": want trace, debug, info, warn, error, fatal, silent or scope=level',
      'PROXY_CONFIG is not supported: leave it unset',
      'PROXY_MODE want one of shared, got "dedicated"',
      'SECRET_TTL want a duration such as 500ms, 30s, 5m or 24h, got "1 day"',
      'PACKET_MARK want an integer in [1, 4095], got "x"',
      'ISTIO_META_DNS_CAPTURE want true or false, got "perhaps"',
      'WEFT_TYPO is not a known setting; see --help',
    ]);
  });
});

it('its own pod is served only when all of it is said', () => {
  const own = (env: Record<string, string>) => {
    const parsed = parseConfig(env, 2);
    return parsed.ok ? parsed.value.ownPod : null;
  };
  expect(own({ POD_NAME: 'z', POD_NAMESPACE: 'istio-system' })).toBeNull();
  expect(own({ POD_NAME: 'z', POD_NAMESPACE: 'istio-system', SERVICE_ACCOUNT: 'ztunnel' })).toEqual({
    name: 'z',
    namespace: 'istio-system',
    serviceAccount: 'ztunnel',
  });
});

it('on demand needs DNS capture off: only who knows all services can answer for their names', () => {
  const parse = (env: Record<string, string>) => parseConfig(env, 2);
  expect(parse({ XDS_ON_DEMAND: 'true' })).toMatchObject({ ok: false, error: [{ key: 'XDS_ON_DEMAND' }] });
  expect(parse({ XDS_ON_DEMAND: 'true', ISTIO_META_DNS_CAPTURE: 'false' })).toMatchObject({
    ok: true,
    value: { xdsOnDemand: true },
  });
});

it('keepalive can be turned off, and the user timeout is what its probes take', () => {
  const parse = (env: Record<string, string>) => {
    const parsed = parseConfig(env, 2);
    if (!parsed.ok) throw new Error(JSON.stringify(parsed.error));
    return { keepAlive: parsed.value.keepAlive, userTimeoutMs: parsed.value.userTimeoutMs };
  };
  const usual = { idleSeconds: 180, intervalSeconds: 180, probes: 9 };
  expect(parse({})).toEqual({ keepAlive: usual, userTimeoutMs: 0 });
  expect(parse({ KEEPALIVE_ENABLED: 'false' })).toEqual({ keepAlive: null, userTimeoutMs: 0 });
  expect(parse({ USER_TIMEOUT_ENABLED: 'true', KEEPALIVE_TIME: '10s', KEEPALIVE_RETRIES: '2' })).toEqual({
    keepAlive: { idleSeconds: 10, intervalSeconds: 180, probes: 2 },
    userTimeoutMs: 370_000,
  });
});

describe('properties', () => {
  it('never throws', () => {
    const key = fc.constantFrom(
      'PACKET_MARK',
      'XDS_ADDRESS',
      'RUST_LOG',
      'ZTUNNEL_WORKER_THREADS',
      'SECRET_TTL',
      'ISTIO_METAJSON_A',
      'LOG_FORMAT',
      'WEFT_A',
    );
    fc.assert(fc.property(fc.dictionary(key, fc.string()), (env) => void parseConfig(env, 2)));
  });
});

describe('HTTP/2 sizes', () => {
  it('are those of ztunnel, and may be set', () => {
    const usual = parseConfig({}, 2);
    expect(usual.ok && usual.value.http2).toEqual({
      streamWindowBytes: 4_194_304,
      connectionWindowBytes: 16_777_216,
      frameBytes: 1_048_576,
      streamsPerTunnel: 100,
    });
    const set = parseConfig({ HTTP2_FRAME_SIZE: '16384', POOL_MAX_STREAMS_PER_CONNECTION: '2' }, 2);
    expect(set.ok && set.value.http2).toMatchObject({ frameBytes: 16_384, streamsPerTunnel: 2 });
    expect(parseConfig({ HTTP2_FRAME_SIZE: '1000' }, 2).ok).toBe(false);
  });
});
