import type { Condition, KubeObject } from '@weft/kube';
import { HTTP_ROUTES } from '@weft/mesh-api';
import { EDGE, ingressGateway, WEB_PORT, webListener } from '../testing/gateway/gateway-rig.js';
import { H2C_PORT, ProtocolServers, WEBSOCKET_PORT } from '../testing/gateway/protocol-servers.js';
import { EDGE_PARENT, useGateway } from '../testing/gateway/use-gateway.js';
import { route, service, SHOP } from '../testing/proxy/mesh-objects.js';

const { rig, newHost, routed, expectAnswers } = useGateway();
const v1 = { name: 'echo-v1', port: 80 };
const prefix = (value: string) => ({ path: { type: 'PathPrefix', value } });
const full = (replaceFullPath: string) => ({ path: { type: 'ReplaceFullPath', replaceFullPath } });
const partly = (replacePrefixMatch: string) => ({ path: { type: 'ReplacePrefixMatch', replacePrefixMatch } });

/** By the names of the conformance suite, with the real Envoy. */
describe('filters of backendRefs', () => {
  const filtered = (path: string, filter: object, ...others: readonly object[]) => ({
    matches: [prefix(path)],
    backendRefs: [{ ...v1, filters: [filter] }, ...others],
  });
  const redirect = (requestRedirect: object) => ({ type: 'RequestRedirect', requestRedirect });
  const rewrite = (urlRewrite: object) => ({ type: 'URLRewrite', urlRewrite });

  it('HTTPRouteBackendRequestRedirect', async () => {
    const host = await routed([
      filtered('/full', redirect(full('/redirected-full'))),
      filtered('/prefix', redirect(partly('/redirected-prefix'))),
    ]);
    const location = (path: string) => ({ status: 302, headers: { location: `http://${host}${path}` } });
    await expectAnswers(host, [
      ['/full', location('/redirected-full')],
      ['/full/more', location('/redirected-full')],
      ['/prefix', location('/redirected-prefix')],
      ['/prefix/more', location('/redirected-prefix/more')],
    ]);
  });

  it('HTTPRouteBackendURLRewrite', async () => {
    const host = await routed([
      filtered('/full', rewrite(full('/rewritten-full'))),
      filtered('/prefix', rewrite(partly('/rewritten-prefix'))),
      { ...filtered('/host', rewrite({ hostname: 'other.example' })), filters: [rewrite(partly('/general'))] },
    ]);
    await expectAnswers(host, [
      ['/full/more', { status: 200, path: '/rewritten-full' }],
      ['/prefix/more', { status: 200, path: '/rewritten-prefix/more' }],
      ['/host/more', { status: 200, path: '/general/more', host: 'other.example' }],
    ]);
  });

  it('a path cannot be changed for a share of the requests: that share is answered 500, the other works', async () => {
    const changed = { ...v1, filters: [rewrite(full('/changed'))] };
    const host = await routed([{ backendRefs: [changed, { name: 'echo-v2', port: 80 }] }]);
    await rig().settles(async () => (await rig().ask({ host })).status, 200);
    const seen = new Set<string | number>();
    for (let i = 0; i < 60; i++) {
      const { status, server } = await rig().ask({ host });
      seen.add(server || status);
    }
    expect([...seen].map(String).sort()).toEqual(['500', 'v2']);
  });
});

describe('protocols of backends', () => {
  const servers = new ProtocolServers();
  afterAll(() => servers.close());

  it('HTTPRouteBackendProtocolH2C, HTTPRouteBackendProtocolWebSocket: as appProtocol says', async () => {
    await servers.listen(rig().podAddress('v1'));
    const port = (name: string, targetPort: number) => [
      { name, port: 80, targetPort, appProtocol: `kubernetes.io/${name}` },
    ];
    await rig().apply(
      service('h2c', '10.96.6.1', 'v1', { ports: port('h2c', H2C_PORT) }),
      service('ws', '10.96.6.2', 'v1', { ports: port('ws', WEBSOCKET_PORT) }),
    );
    const h2c = await routed([{ backendRefs: [{ name: 'h2c', port: 80 }] }]);
    await expectAnswers(h2c, [['/some', { status: 200, server: 'h2c', path: '/some' }]]);
    const ws = await routed([{ backendRefs: [{ name: 'ws', port: 80 }] }]);
    await rig().settles(() => rig().sayUpgraded(ws, 'hello'), 'hello');
  });
});

describe('routes of a Gateway', () => {
  it('HTTPRouteRetryWithTimeouts: a try that takes too long is followed by the next, all in the time of the request', async () => {
    const host = await routed([
      {
        matches: [prefix('/delay/5001')],
        retry: { attempts: 2, backoff: '1ms' },
        timeouts: { backendRequest: '500ms' },
        backendRefs: [v1],
      },
      {
        matches: [prefix('/delay/5002')],
        retry: { attempts: 5, codes: [500], backoff: '1ms' },
        timeouts: { backendRequest: '200ms', request: '400ms' },
        backendRefs: [v1],
      },
      { matches: [prefix('/')], backendRefs: [v1] },
    ]);
    await expectAnswers(host, [['/', 'v1']]);
    const tries = (path: string) =>
      rig()
        .pod('v1')
        .requests.filter((one) => one.path === path).length;
    expect((await rig().ask({ host, path: '/delay/5001' })).status).toBe(504);
    // One that is given up before it has reached the server is not seen there.
    expect([2, 3]).toContain(tries('/delay/5001'));
    expect((await rig().ask({ host, path: '/delay/5002' })).status).toBe(504);
    expect(tries('/delay/5002')).toBeLessThanOrEqual(3);
  });

  it('HTTPRouteRequestPercentageMirror: of a share of the requests', async () => {
    const mirror = (more: object) => ({
      type: 'RequestMirror',
      requestMirror: { backendRef: { name: 'echo-v2', port: 80 }, ...more },
    });
    const host = await routed([
      { matches: [prefix('/percent')], filters: [mirror({ percent: 50 })], backendRefs: [v1] },
      {
        matches: [prefix('/fraction')],
        filters: [mirror({ fraction: { numerator: 1, denominator: 2 } })],
        backendRefs: [v1],
      },
      { matches: [prefix('/last')], filters: [mirror({})], backendRefs: [v1] },
    ]);
    const copies = (path: string) =>
      rig()
        .pod('v2')
        .requests.filter((one) => one.path === path).length;
    await expectAnswers(host, [['/', 404]]);
    for (const path of ['/percent', '/fraction']) for (let i = 0; i < 100; i++) await rig().ask({ host, path });
    await rig().ask({ host, path: '/last' });
    await rig().settles(() => Promise.resolve(copies('/last')), 1);
    // 50, by six standard deviations.
    for (const path of ['/percent', '/fraction']) expect(Math.abs(copies(path) - 50)).toBeLessThan(30);
  });

  it('HTTPRouteCORS: what the policy says is answered, and requests of other origins get no permission', async () => {
    const cors = {
      allowOrigins: ['https://www.foo.com', 'https://*.bar.com'],
      allowMethods: ['GET', 'OPTIONS'],
      allowHeaders: ['x-header-1', 'x-header-2'],
      exposeHeaders: ['x-header-3', 'x-header-4'],
      allowCredentials: true,
      maxAge: 3600,
    };
    const host = await routed([{ filters: [{ type: 'CORS', cors }], backendRefs: [v1] }]);
    const asks = { 'access-control-request-method': 'GET', 'access-control-request-headers': 'x-header-1, x-header-2' };
    for (const origin of ['https://www.foo.com', 'https://www.bar.com', 'https://xpto.www.bar.com']) {
      const headers = {
        'access-control-allow-origin': origin,
        'access-control-allow-methods': 'GET,OPTIONS',
        'access-control-allow-headers': 'x-header-1,x-header-2',
        'access-control-expose-headers': 'x-header-3,x-header-4',
        'access-control-max-age': '3600',
        'access-control-allow-credentials': 'true',
      };
      const simple = {
        'access-control-allow-origin': origin,
        'access-control-allow-credentials': 'true',
        'access-control-expose-headers': 'x-header-3,x-header-4',
      };
      await expectAnswers(host, [
        [
          { method: 'OPTIONS', headers: { origin, ...asks } },
          { status: 200, headers },
        ],
        [{ headers: { origin } }, { status: 200, server: 'v1', headers: simple }],
      ]);
    }
    const none = { 'access-control-allow-origin': null };
    const other = { origin: 'https://foobar.com' };
    await expectAnswers(host, [
      [
        { method: 'OPTIONS', headers: { ...other, ...asks } },
        { status: 200, headers: none },
      ],
      [{ headers: other }, { status: 200, server: 'v1', headers: none }],
    ]);
  });

  it('HTTPRouteInvalidParentRefNotMatchingListenerPort, HTTPRouteInvalidParentRefSectionNameNotMatchingPort', async () => {
    const to = { rules: [{ backendRefs: [v1] }] };
    await rig().apply(
      route('HTTPRoute', 'other-port', { ...EDGE_PARENT, port: 81 }, to),
      route('HTTPRoute', 'other-name', { ...EDGE_PARENT, sectionName: 'web', port: 81 }, to),
    );
    const reason = async (name: string) => {
      type Status = { readonly parents?: readonly { readonly conditions: readonly Condition[] }[] };
      const found = await rig().kube.client().get<KubeObject & { status?: Status }>(HTTP_ROUTES, SHOP, name);
      return found?.status?.parents?.[0]?.conditions.find(({ type }) => type === 'Accepted')?.reason;
    };
    for (const name of ['other-port', 'other-name']) await rig().settles(() => reason(name), 'NoMatchingParent');
  });

  it('HTTPRouteRedirectPortAndScheme: ports that a scheme implies are not written', async () => {
    await rig().apply(ingressGateway(EDGE, [webListener('web', WEB_PORT), webListener('alt', 8080)]));
    const host = newHost();
    const to = (path: string, requestRedirect: object) => ({
      matches: [prefix(path)],
      filters: [{ type: 'RequestRedirect', requestRedirect: { hostname: 'example.org', ...requestRedirect } }],
    });
    const rules = [
      to('/none', {}),
      to('/port-80', { port: 80 }),
      to('/port-8080', { port: 8080 }),
      to('/https', { scheme: 'https' }),
      to('/https-443', { scheme: 'https', port: 443 }),
      to('/https-8443', { scheme: 'https', port: 8443 }),
      to('/http', { scheme: 'http' }),
    ];
    await rig().apply(route('HTTPRoute', host, EDGE_PARENT, { hostnames: [host], rules }));
    const location = (path: string, url: string) =>
      [path, { status: 302, headers: { location: `${url}${path}` } }] as const;
    const common = [
      location('/port-80', 'http://example.org'),
      location('/port-8080', 'http://example.org:8080'),
      location('/https', 'https://example.org'),
      location('/https-443', 'https://example.org'),
      location('/https-8443', 'https://example.org:8443'),
      location('/http', 'http://example.org'),
    ];
    await expectAnswers(host, [location('/none', 'http://example.org'), ...common]);
    await expectAnswers(host, [location('/none', 'http://example.org:8080'), ...common], 8080);
  });
});
