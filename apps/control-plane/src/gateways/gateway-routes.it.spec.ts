import { TokenIssuer } from '@weft/testing-fixtures';
import { KeyServer } from '../testing/gateway/key-server.js';
import { EDGE, ingressGateway, WEB_PORT, webListener } from '../testing/gateway/gateway-rig.js';
import { EDGE_PARENT, useGateway } from '../testing/gateway/use-gateway.js';
import { object, route, SHOP } from '../testing/proxy/mesh-objects.js';

const { rig, newHost, routed, expectAnswers, shares } = useGateway();
const v1 = [{ name: 'echo-v1', port: 80 }];
const v2 = [{ name: 'echo-v2', port: 80 }];
const prefix = (value: string) => ({ path: { type: 'PathPrefix', value } });

describe('routes of a Gateway', () => {
  it('HTTPRouteTimeoutRequest, HTTPRouteTimeoutBackendRequest: 504 when the time is over', async () => {
    const host = await routed([
      { matches: [prefix('/request')], timeouts: { request: '200ms' }, filters: [delayed], backendRefs: v1 },
      { matches: [prefix('/backend')], timeouts: { backendRequest: '200ms' }, filters: [delayed], backendRefs: v1 },
      { matches: [prefix('/')], timeouts: { request: '10s' }, backendRefs: v1 },
    ]);
    await expectAnswers(host, [
      ['/request', 504],
      ['/backend', 504],
      ['/delay/1', 'v1'],
    ]);
  });

  it('HTTPRouteRetry: on the codes, as often as it says', async () => {
    const host = await routed([
      { matches: [prefix('/fail/2')], retry: { attempts: 2, codes: [503], backoff: '1ms' }, backendRefs: v1 },
      { matches: [prefix('/fail/1')], retry: { attempts: 0, codes: [503] }, backendRefs: v1 },
    ]);
    await expectAnswers(host, [['/fail/2/a', { status: 200, seen: { 'x-envoy-attempt-count': '3' } }]]);
    expect((await rig().ask({ host, path: '/fail/1/b' })).status).toBe(503);
  });

  it('HTTPRouteRetryConnectionError: a connection that the server breaks off is tried again', async () => {
    const host = await routed([{ retry: { attempts: 2, backoff: '1ms' }, backendRefs: v1 }]);
    await expectAnswers(host, [['/', 'v1']]);
    await rig().ask({ host, path: '/reset' });
    expect(
      rig()
        .pod('v1')
        .requests.filter(({ path }) => path === '/reset'),
    ).toHaveLength(3);
  });

  it('HTTPRouteRequestMirror, HTTPRouteRequestMultipleMirrors, HTTPRouteRequestPercentageMirror', async () => {
    const mirror = (name: string, more: object = {}) => ({
      type: 'RequestMirror',
      requestMirror: { backendRef: { name, port: 80 }, ...more },
    });
    const host = await routed([
      { matches: [prefix('/both')], filters: [mirror('echo-v2'), mirror('echo-v3')], backendRefs: v1 },
      { matches: [prefix('/none')], filters: [mirror('echo-v2', { percent: 0 })], backendRefs: v1 },
    ]);
    await expectAnswers(host, [
      ['/none', 'v1'],
      ['/both', 'v1'],
    ]);
    const hasSeen = (pod: string, wanted: string) =>
      rig()
        .pod(pod)
        .requests.some(({ path }) => path === wanted);
    await rig().settles(() => Promise.resolve(hasSeen('v2', '/both') && hasSeen('v3', '/both')), true);
    expect(hasSeen('v2', '/none')).toBe(false);
  });

  it('HTTPRouteCORS: preflights of the origins are answered, others are not', async () => {
    const cors = {
      allowOrigins: ['https://*.example.com'],
      allowMethods: ['GET', 'PUT'],
      allowHeaders: ['x-own'],
      maxAge: 60,
    };
    const host = await routed([{ filters: [{ type: 'CORS', cors }], backendRefs: v1 }]);
    const preflight = (origin: string) => ({
      method: 'OPTIONS',
      headers: { origin, 'access-control-request-method': 'PUT' },
    });
    await expectAnswers(host, [
      [
        preflight('https://a.example.com'),
        {
          status: 200,
          headers: { 'access-control-allow-origin': 'https://a.example.com', 'access-control-max-age': '60' },
        },
      ],
      [preflight('https://example.org'), { headers: { 'access-control-allow-origin': null } }],
    ]);
  });

  it('HTTPRoute303Redirect, HTTPRoute307Redirect, HTTPRoute308Redirect', async () => {
    const codes = [303, 307, 308];
    const redirect = (statusCode: number) => ({
      matches: [prefix(`/${statusCode}`)],
      filters: [{ type: 'RequestRedirect', requestRedirect: { hostname: 'other.org', statusCode } }],
    });
    const host = await routed(codes.map(redirect));
    await expectAnswers(
      host,
      codes.map((status) => [`/${status}`, { status, headers: { location: `http://other.org/${status}` } }]),
    );
  });

  it('HTTPRouteNamedRule, HTTPRouteRequestHeaderModifierBackendWeights', async () => {
    const set = (value: string) => ({
      type: 'RequestHeaderModifier',
      requestHeaderModifier: { set: [{ name: 'x-by', value }] },
    });
    const host = await routed([
      {
        name: 'named',
        backendRefs: [
          { ...v1[0], weight: 1, filters: [set('first')] },
          { ...v2[0], weight: 1, filters: [set('second')] },
          { name: 'echo-v3', port: 80, weight: 0 },
        ],
      },
    ]);
    await rig().settles(async () => (await rig().ask({ host })).status, 200);
    const seen = new Set<string>();
    for (let i = 0; i < 60; i++) {
      const { server, echo } = await rig().ask({ host });
      seen.add(`${server} ${echo.headers?.['x-by'] ?? ''}`);
    }
    expect([...seen].sort()).toEqual(['v1 first', 'v2 second']);
    expect(Object.keys(await shares(host, 20))).not.toContain('v3');
  });
});

/** Every request becomes one that takes two seconds. */
const delayed = {
  type: 'URLRewrite',
  urlRewrite: { path: { type: 'ReplaceFullPath', replaceFullPath: '/delay/2000' } },
};

describe('GRPCRoutes of a Gateway', () => {
  const grpc = (name: string) => [{ name, port: 7070 }];

  it('GRPCExactMethodMatching, GRPCRouteHeaderMatching: what no rule takes is unimplemented', async () => {
    const host = await routed(
      [
        { matches: [{ method: { service: 'test.Echo', method: 'Say' } }], backendRefs: grpc('echo-v1') },
        { matches: [{ method: { service: 'test.Echo', method: 'Shout' } }], backendRefs: grpc('echo-v2') },
        { matches: [{ headers: [{ name: 'version', value: 'three' }] }], backendRefs: grpc('echo-v3') },
      ],
      'GRPCRoute',
    );
    const server = async (path: string, headers?: Record<string, string>, of = host) => {
      const { code, server: name } = await rig().call(of, path, headers);
      return name || code;
    };
    await rig().settles(() => server('/test.Echo/Say'), 'v1');
    expect(await server('/test.Echo/Shout')).toBe('v2');
    expect(await server('/test.Other/Say', { version: 'three' })).toBe('v3');
    const unimplemented = 12;
    expect(await server('/test.Other/Say')).toBe(unimplemented);
    expect(await server('/test.Echo/Say', {}, 'nobody.example.com')).toBe(unimplemented);
  });

  it('GRPCRouteRequestHeaderModifier, GRPCRouteWeight, GRPCRouteNamedRule', async () => {
    const requestHeaderModifier = { set: [{ name: 'x-set', value: 'yes' }], remove: ['x-gone'] };
    const host = await routed(
      [
        {
          name: 'named',
          filters: [{ type: 'RequestHeaderModifier', requestHeaderModifier }],
          backendRefs: [
            { ...grpc('echo-v1')[0], weight: 7 },
            { ...grpc('echo-v2')[0], weight: 3 },
            { ...grpc('echo-v3')[0], weight: 0 },
          ],
        },
      ],
      'GRPCRoute',
    );
    await rig().settles(async () => (await rig().call(host, '/test.Echo/Say')).code, 0);
    const calls: Record<string, number> = {};
    for (let i = 0; i < 100; i++) {
      const { server, seen } = await rig().call(host, '/test.Echo/Say', { 'x-gone': 'here' });
      calls[server] = (calls[server] ?? 0) + 1;
      expect([seen['x-set'], seen['x-gone']]).toEqual(['yes', undefined]);
    }
    expect(Object.keys(calls).sort()).toEqual(['v1', 'v2']);
    // 70, by more than four standard deviations.
    expect(Math.abs(calls['v1']! - 70)).toBeLessThan(20);
  });
});

describe('listeners of a Gateway', () => {
  const web = webListener('web', WEB_PORT);
  afterEach(() => rig().apply(ingressGateway(EDGE, [web])));

  it('HTTPRouteListenerPortMatching: a route is served at the ports and listeners that its parentRefs name', async () => {
    const host = newHost();
    const of = (name: string, parent: object, backend: string) =>
      route(
        'HTTPRoute',
        name,
        { ...EDGE_PARENT, ...parent },
        { hostnames: [host], rules: [{ backendRefs: [{ name: backend, port: 80 }] }] },
      );
    const listeners = [web, webListener('second', 8080), webListener('third', 8090)];
    await rig().apply(
      ingressGateway(EDGE, listeners),
      of('port-80', { port: WEB_PORT }, 'echo-v1'),
      of('port-8080', { port: 8080 }, 'echo-v2'),
      of('port-8090', { port: 8090, sectionName: 'third' }, 'echo-v3'),
      of('no-such-port', { port: 8070 }, 'echo-v1'),
      of('not-of-this-port', { port: 8080, sectionName: 'third' }, 'echo-v1'),
    );
    await expectAnswers(host, [['/', 'v1']], WEB_PORT);
    await expectAnswers(host, [['/', 'v2']], 8080);
    await expectAnswers(host, [['/', 'v3']], 8090);
  });

  it('GRPCRouteListenerHostnameMatching: calls are for the most specific listener that serves the host', async () => {
    const listeners = [
      web,
      webListener('bar', WEB_PORT, { hostname: 'bar.com' }),
      webListener('foo-bar', WEB_PORT, { hostname: 'foo.bar.com' }),
      webListener('any-bar', WEB_PORT, { hostname: '*.bar.com' }),
    ];
    const of = (sectionName: string, backend: string) =>
      route(
        'GRPCRoute',
        sectionName,
        { ...EDGE_PARENT, sectionName },
        { rules: [{ backendRefs: [{ name: backend, port: 7070 }] }] },
      );
    await rig().apply(
      ingressGateway(EDGE, listeners),
      of('bar', 'echo-v1'),
      of('foo-bar', 'echo-v2'),
      of('any-bar', 'echo-v3'),
    );
    const server = async (host: string) => (await rig().call(host, '/test.Echo/Say')).server;
    await rig().settles(() => server('bar.com'), 'v1');
    await rig().settles(() => server('foo.bar.com'), 'v2');
    await rig().settles(() => server('baz.bar.com'), 'v3');
    await rig().settles(() => server('boo.baz.bar.com'), 'v3');
    expect(await server('multiple.example')).toBe('');
  });
});

describe('RequestAuthentication of a Gateway', () => {
  it('takes tokens by keys from jwksUri, and refuses what other keys signed', async () => {
    const issuer = new TokenIssuer('https://issuer.example.com');
    const stranger = new TokenIssuer(issuer.name);
    const keys = await KeyServer.start(issuer.jwks);
    try {
      const host = await routed([{ backendRefs: v1 }]);
      await expectAnswers(host, [['/', 'v1']]);
      const authentication = object({
        apiVersion: 'security.istio.io/v1',
        kind: 'RequestAuthentication',
        metadata: { name: 'tokens', namespace: SHOP },
        spec: {
          targetRefs: [{ group: 'gateway.networking.k8s.io', kind: 'Gateway', name: 'edge' }],
          jwtRules: [{ issuer: issuer.name, jwksUri: keys.uri }],
        },
      });
      await rig().apply(authentication);
      const bearing = (token: string) => ({ headers: { authorization: `Bearer ${token}` } });
      await expectAnswers(host, [
        [bearing('none'), 401],
        [bearing(issuer.tokenOf({})), 'v1'],
        [bearing(stranger.tokenOf({})), 401],
        ['/', 'v1'],
      ]);
      await rig().remove(authentication);
    } finally {
      await keys.stop();
    }
  });
});
