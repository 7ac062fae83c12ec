import { parseMeshExtensions } from './mesh-extensions.js';

const read = (config: object) => {
  const result = parseMeshExtensions(JSON.stringify(config));
  if (!result.ok) throw new Error(result.error);
  return result.value;
};

describe('the providers of MeshConfig', () => {
  it('are those that everybody has, without any', () => {
    const { extensions, problems } = read({});
    expect(Object.keys(extensions.providers)).toEqual(['prometheus', 'envoy']);
    expect(extensions).toMatchObject({ defaults: { metrics: ['prometheus'] }, sampling: 1, pathNormalization: 'BASE' });
    expect(problems).toEqual([]);
  });

  it('may replace the built-in ones, and are read with their times', () => {
    const { extensions } = read({
      extensionProviders: [
        { name: 'envoy', envoyFileAccessLog: { path: '/tmp/log' } },
        { name: 'ask', envoyExtAuthzGrpc: { service: 'authz/a.example', port: 9000, timeout: '250ms' } },
      ],
    });
    expect(extensions.providers['envoy']).toMatchObject({ envoyFileAccessLog: { path: '/tmp/log' } });
    expect(extensions.providers['ask']).toMatchObject({ envoyExtAuthzGrpc: { port: 9000, timeout: 250 } });
  });

  it.each([
    [{ name: 'a' }, /MeshConfig\.extensionProviders\[0\]: has none of envoyExtAuthzHttp/],
    [{ name: 'A_b', prometheus: {} }, /"A_b" is not a name; use lower-case/],
    [{ name: 'a', zipkin: { service: 'x y', port: 1 } }, /zipkin\.service: "x y" is not a host/],
    [{ name: 'a', zipkin: { service: 'x' } }, /zipkin\.port: is missing/],
    [{ name: 'a', zipkin: { service: 'x', port: 1 }, prometheus: {} }, /has zipkin and prometheus; keep one/],
    [{ name: 'a', stackdriver: {} }, /stackdriver: is not supported; use opentelemetry/],
    [
      { name: 'a', envoyExtAuthzHttp: { service: 'x', port: 1, statusOnError: '200' } },
      /statusOnError: "200" is not a status/,
    ],
  ])('that cannot be read are left out, with field and cure: %j', (provider, problem) => {
    const { extensions, problems } = read({ extensionProviders: [provider, { name: 'good', prometheus: {} }] });
    expect(problems.join('\n')).toMatch(problem);
    expect(extensions.providers).toHaveProperty('good');
    expect(extensions.providers).not.toHaveProperty('a');
  });

  it('have one name each', () => {
    const twice = { name: 'a', prometheus: {} };
    expect(read({ extensionProviders: [twice, twice] }).problems).toEqual([
      'MeshConfig.extensionProviders[1].name: "a" is there twice; rename one of the two',
    ]);
  });

  it('are not read from what is no mapping', () => {
    expect(parseMeshExtensions('- a')).toMatchObject({ ok: false, error: 'MeshConfig is not a mapping' });
    expect(parseMeshExtensions('a: [')).toMatchObject({ ok: false });
  });
});

describe('traffic of every service', () => {
  it('defaultTrafficPolicy and defaultHttpRetryPolicy are read as in DestinationRules and VirtualServices', () => {
    const { extensions, problems } = read({
      defaultTrafficPolicy: { connectionPool: { tcp: { maxConnections: 5, connectTimeout: '3s' } } },
      defaultHttpRetryPolicy: { attempts: 3, retryOn: '503' },
    });
    expect(problems).toEqual([]);
    expect(extensions.defaultTrafficPolicy).toMatchObject({
      connectionPool: { tcp: { maxConnections: 5, connectTimeout: 3000 } },
    });
    expect(extensions.defaultHttpRetryPolicy).toMatchObject({ attempts: 3, retryOn: '503' });
  });

  it('localityLbSetting is read as in DestinationRules, with the same faults', () => {
    const distribute = [{ from: 'a/*', to: { 'b/*': 100 } }];
    expect(read({ localityLbSetting: { distribute } }).extensions.localityLbSetting).toMatchObject({ distribute });
    expect(read({ localityLbSetting: { enabled: false } }).extensions.localityLbSetting?.enabled).toBe(false);
    expect(read({}).extensions.localityLbSetting).toBeUndefined();
    const { extensions, problems } = read({ localityLbSetting: { distribute, failover: [{ from: 'a', to: 'b' }] } });
    expect(extensions.localityLbSetting).toBeUndefined();
    expect(problems).toEqual(['MeshConfig.localityLbSetting: has distribute and failover; keep one of them']);
  });

  it('what cannot be read of them is said, and the rest is used', () => {
    const { extensions, problems } = read({
      defaultTrafficPolicy: { connectionPool: { tcp: { maxConnections: -5 }, http: { maxRetries: 2 } } },
    });
    expect(problems.join()).toMatch(/MeshConfig\.defaultTrafficPolicy\.connectionPool\.tcp\.maxConnections/);
    expect(extensions.defaultTrafficPolicy?.connectionPool?.http?.maxRetries).toBe(2);
  });
});
