import { route, service } from '../testing/proxy/mesh-objects.js';
import { useWaypoint } from '../testing/waypoint/use-waypoint.js';

const { rig, frontend, routed, expectAnswers, shares } = useWaypoint();
const v1 = [{ name: 'echo-v1', port: 80 }];
const v2 = [{ name: 'echo-v2', port: 80 }];
const prefix = (value: string) => ({ path: { type: 'PathPrefix', value } });
const header = (name: string, value: string) => ({ headers: [{ name, value }] });
const query = (name: string, value: string) => ({ queryParams: [{ name, value }] });
const redirect = (requestRedirect: object) => [{ type: 'RequestRedirect', requestRedirect }];
const setOnAnswer = (value: string) => [
  { type: 'ResponseHeaderModifier', responseHeaderModifier: { set: [{ name: 'x-header-set', value }] } },
];
const setOnRequest = (requestHeaderModifier: object) => [{ type: 'RequestHeaderModifier', requestHeaderModifier }];
const location = (status: number, value: string) => ({ status, headers: { location: value } });

describe('MESH-HTTP, core', () => {
  it('MeshBasic: a service without any configuration answers', async () => {
    const { name, ip } = frontend();
    await rig().apply(service(name, ip, null));
    await expectAnswers(`${ip}:80`, [['/', 200]]);
  });

  it('MeshTrafficSplit: paths go to two versions', async () => {
    const echo = await routed([
      { matches: [{ path: { type: 'Exact', value: '/v1' } }], backendRefs: v1 },
      { matches: [{ path: { type: 'Exact', value: '/v2' } }], backendRefs: v2 },
    ]);
    await expectAnswers(echo, [
      ['/v1', 'v1'],
      ['/v2', 'v2'],
      ['/v3', 404],
    ]);
  });

  it('MeshHTTPRouteSimpleSameNamespace: a route of the same namespace attaches', async () => {
    await expectAnswers(await routed([{ backendRefs: v1 }]), [['/', 'v1']]);
  });

  it('MeshHTTPRouteMatching: by path segments and headers, the most specific first', async () => {
    const echo = await routed([
      { matches: [prefix('/'), header('version', 'one')], backendRefs: v1 },
      { matches: [prefix('/v2'), header('version', 'two')], backendRefs: v2 },
    ]);
    await expectAnswers(echo, [
      ['/v2', 'v2'],
      ['/', 'v1'],
      ['/example', 'v1'],
      [{ headers: { Version: 'one' } }, 'v1'],
      ['/v2/example', 'v2'],
      [{ headers: { Version: 'two' } }, 'v2'],
      ['/v2/', 'v2'],
      ['/v2example', 'v1'],
      ['/foo/v2/example', 'v1'],
    ]);
  });

  it('MeshHTTPRouteRequestHeaderModifier: sets, adds and removes', async () => {
    const rule = (path: string, change: object) => ({
      matches: [prefix(path)],
      filters: setOnRequest(change),
      backendRefs: v1,
    });
    const set = (...names: string[]) => names.map((name) => ({ name, value: `set-${name.toLowerCase()}` }));
    const echo = await routed([
      rule('/set', { set: set('X-Set') }),
      rule('/add', { add: set('X-Add') }),
      rule('/remove', { remove: ['X-Remove'] }),
      rule('/multiple', {
        set: set('X-Set-1', 'X-Set-2'),
        add: set('X-Add-1', 'X-Add-2'),
        remove: ['X-Remove-1', 'X-Remove-2'],
      }),
    ]);
    await expectAnswers(echo, [
      [
        { path: '/set', headers: { other: 'val' } },
        { server: 'v1', seen: { 'x-set': 'set-x-set', other: 'val' } },
      ],
      [{ path: '/set', headers: { 'x-set': 'mine' } }, { seen: { 'x-set': 'set-x-set' } }],
      ['/add', { seen: { 'x-add': 'set-x-add' } }],
      [{ path: '/add', headers: { 'x-add': 'mine' } }, { seen: { 'x-add': 'mine,set-x-add' } }],
      [
        { path: '/remove', headers: { 'x-remove': 'mine' } },
        { server: 'v1', seen: { 'x-remove': null } },
      ],
      [
        { path: '/multiple', headers: { 'x-set-2': 'a', 'x-add-2': 'b', 'x-remove-2': 'c', another: 'd' } },
        {
          seen: {
            'x-set-1': 'set-x-set-1',
            'x-set-2': 'set-x-set-2',
            'x-add-1': 'set-x-add-1',
            'x-add-2': 'b,set-x-add-2',
            'x-remove-2': null,
            another: 'd',
          },
        },
      ],
    ]);
  });

  it('MeshHTTPRouteRedirectHostAndStatus: to another host, 302 unless it says otherwise', async () => {
    const echo = await routed([
      { matches: [prefix('/hostname')], filters: redirect({ hostname: 'example.org' }) },
      { matches: [prefix('/status')], filters: redirect({ hostname: 'example.org', statusCode: 301 }) },
    ]);
    await expectAnswers(echo, [
      ['/hostname', location(302, 'http://example.org/hostname')],
      ['/status', location(301, 'http://example.org/status')],
    ]);
  });

  it('MeshHTTPRouteWeight: shares as the weights say, none for weight 0', async () => {
    const weights = { v1: 70, v2: 30, v3: 0 };
    const backendRefs = Object.entries(weights).map(([name, weight]) => ({ name: `echo-${name}`, port: 80, weight }));
    const echo = await routed([{ backendRefs }]);
    await rig().settles(async () => Object.keys(await shares(echo, 20)).sort(), ['v1', 'v2']);
    const { v1: first = 0, v2: second = 0, v3: third = 0 } = await shares(echo, 500);
    expect(third).toBe(0);
    expect(first + second).toBe(500);
    // Five standard deviations.
    expect(Math.abs(first - 350)).toBeLessThan(52);
  });
});

describe('MESH-HTTP, extended', () => {
  it('MeshFrontend: rules are for the service alone, not for what is behind it', async () => {
    const echo = await routed([{ filters: setOnAnswer('set'), backendRefs: v2 }]);
    await expectAnswers(echo, [['/', { status: 200, server: 'v2', headers: { 'x-header-set': 'set' } }]]);
    await expectAnswers('10.96.255.2:80', [['/', { status: 200, server: 'v2', headers: { 'x-header-set': null } }]]);
  });

  it('MeshFrontendHostname: the address decides which rules apply, not the Host header', async () => {
    const echo = await routed([{ filters: setOnAnswer('set'), backendRefs: v2 }]);
    await expectAnswers(echo, [[{ host: 'echo-v1' }, { server: 'v2', headers: { 'x-header-set': 'set' } }]]);
    await expectAnswers('10.96.255.1:80', [[{ host: 'echo-v2' }, { server: 'v1', headers: { 'x-header-set': null } }]]);
  });

  it('MeshPorts: with a port in parentRef for that port, without for all', async () => {
    const one = frontend();
    const all = frontend();
    const rules = (value: string) => ({ rules: [{ filters: setOnAnswer(value), backendRefs: v1 }] });
    await rig().apply(
      service(one.name, one.ip, null),
      service(all.name, all.ip, null),
      route('HTTPRoute', one.name, { name: one.name, port: 80 }, rules('one')),
      route('HTTPRoute', all.name, { name: all.name }, rules('all')),
    );
    await expectAnswers(`${one.ip}:80`, [['/', { status: 200, headers: { 'x-header-set': 'one' } }]]);
    await expectAnswers(`${one.ip}:8080`, [['/', { status: 200, headers: { 'x-header-set': null } }]]);
    await expectAnswers(`${all.ip}:80`, [['/', { status: 200, headers: { 'x-header-set': 'all' } }]]);
    await expectAnswers(`${all.ip}:8080`, [['/', { status: 200, headers: { 'x-header-set': 'all' } }]]);
  });

  it.each([303, 307, 308])('MeshHTTPRoute%iRedirect', async (statusCode) => {
    const echo = await routed([{ matches: [prefix('/there')], filters: redirect({ statusCode }) }]);
    await expectAnswers(echo, [['/there', location(statusCode, 'http://echo/there')]]);
  });

  it('MeshHTTPRouteQueryParamMatching: alone, with others, and behind longer paths and headers', async () => {
    const echo = await routed([
      { matches: [query('animal', 'whale')], backendRefs: v1 },
      { matches: [query('animal', 'dolphin')], backendRefs: v2 },
      { matches: [{ ...prefix('/path1'), ...query('animal', 'whale') }], backendRefs: v1 },
      { matches: [{ ...header('version', 'one'), ...query('animal', 'whale') }], backendRefs: v2 },
      {
        matches: [
          { ...prefix('/path3'), ...query('animal', 'shark') },
          { ...prefix('/path4'), ...header('version', 'three'), ...query('animal', 'kraken') },
        ],
        backendRefs: v1,
      },
      { matches: [prefix('/path5')], backendRefs: v1 },
      { matches: [query('animal', 'hydra')], backendRefs: v2 },
    ]);
    await expectAnswers(echo, [
      ['/?animal=whale', 'v1'],
      ['/?animal=dolphin', 'v2'],
      ['/?animal=whale&otherparam=irrelevant', 'v1'],
      ['/?animal=dolphin&color=yellow', 'v2'],
      ['/?color=blue', 404],
      ['/?animal=dog', 404],
      ['/?animal=whaledolphin', 404],
      ['/', 404],
      ['/path1?animal=whale', 'v1'],
      [{ path: '/?animal=whale', headers: { version: 'one' } }, 'v2'],
      ['/path3?animal=shark', 'v1'],
      [{ path: '/path4?animal=kraken', headers: { version: 'three' } }, 'v1'],
      ['/?animal=shark', 404],
      ['/path4?animal=kraken', 404],
      ['/path5?animal=hydra', 'v1'],
    ]);
  });

  it('MeshHTTPRouteRedirectPath: a prefix or the whole of it, with host and status', async () => {
    const start = { type: 'ReplacePrefixMatch', replacePrefixMatch: '/replacement-prefix' };
    const whole = { type: 'ReplaceFullPath', replaceFullPath: '/replacement-full' };
    const echo = await routed([
      { matches: [prefix('/original-prefix')], filters: redirect({ path: start }) },
      { matches: [prefix('/full')], filters: redirect({ path: whole }) },
      { matches: [prefix('/path-and-host')], filters: redirect({ path: start, hostname: 'example.org' }) },
      { matches: [prefix('/path-and-status')], filters: redirect({ path: start, statusCode: 301 }) },
      { matches: [prefix('/full-path-and-host')], filters: redirect({ path: whole, hostname: 'example.org' }) },
      { matches: [prefix('/full-path-and-status')], filters: redirect({ path: whole, statusCode: 301 }) },
    ]);
    await expectAnswers(echo, [
      ['/original-prefix/lemon', location(302, 'http://echo/replacement-prefix/lemon')],
      ['/full/path/original', location(302, 'http://echo/replacement-full')],
      ['/path-and-host', location(302, 'http://example.org/replacement-prefix')],
      ['/path-and-status', location(301, 'http://echo/replacement-prefix')],
      ['/full-path-and-host', location(302, 'http://example.org/replacement-full')],
      ['/full-path-and-status', location(301, 'http://echo/replacement-full')],
    ]);
  });

  it('MeshHTTPRouteRedirectPort: alone, with host and with status', async () => {
    const echo = await routed([
      { matches: [prefix('/port')], filters: redirect({ port: 8083 }) },
      { matches: [prefix('/port-and-host')], filters: redirect({ port: 8083, hostname: 'example.org' }) },
      { matches: [prefix('/port-and-status')], filters: redirect({ port: 8083, statusCode: 301 }) },
    ]);
    await expectAnswers(echo, [
      ['/port', location(302, 'http://echo:8083/port')],
      ['/port-and-host', location(302, 'http://example.org:8083/port-and-host')],
      ['/port-and-status', location(301, 'http://echo:8083/port-and-status')],
    ]);
  });

  it('MeshHTTPRouteSchemeRedirect: alone, with host and with status', async () => {
    const echo = await routed([
      { matches: [prefix('/scheme')], filters: redirect({ scheme: 'https' }) },
      { matches: [prefix('/scheme-and-host')], filters: redirect({ scheme: 'https', hostname: 'example.org' }) },
      { matches: [prefix('/scheme-and-status')], filters: redirect({ scheme: 'https', statusCode: 301 }) },
    ]);
    await expectAnswers(echo, [
      ['/scheme', location(302, 'https://echo/scheme')],
      ['/scheme-and-host', location(302, 'https://example.org/scheme-and-host')],
      ['/scheme-and-status', location(301, 'https://echo/scheme-and-status')],
    ]);
  });

  it('MeshHTTPRouteBackendRequestHeaderModifier: for the share of one backend', async () => {
    const filters = setOnRequest({
      set: [{ name: 'X-Set', value: 'new' }],
      add: [{ name: 'X-Add', value: 'new' }],
      remove: ['X-Remove'],
    });
    const echo = await routed([{ matches: [prefix('/')], backendRefs: [{ ...v1[0], filters }] }]);
    const headers = { 'x-set': 'old', 'x-add': 'old', 'x-remove': 'old', other: 'old' };
    const seen = { 'x-set': 'new', 'x-add': 'old,new', 'x-remove': null, other: 'old' };
    await expectAnswers(echo, [[{ headers }, { server: 'v1', seen }]]);
  });

  it('MeshHTTPRouteRewritePath: a prefix or the whole of it, with changes of headers', async () => {
    const rewrite = (path: object) => ({ type: 'URLRewrite', urlRewrite: { path } });
    const start = (replacePrefixMatch: string) => rewrite({ type: 'ReplacePrefixMatch', replacePrefixMatch });
    const whole = (replaceFullPath: string) => rewrite({ type: 'ReplaceFullPath', replaceFullPath });
    const change = setOnRequest({
      set: [{ name: 'x-set', value: 'new' }],
      add: [{ name: 'x-add', value: 'new' }],
      remove: ['x-remove'],
    });
    const rule = (path: string, ...filters: object[]) => ({ matches: [prefix(path)], filters, backendRefs: v1 });
    const echo = await routed([
      rule('/prefix/one', start('/one')),
      rule('/strip-prefix', start('/')),
      rule('/full/one', whole('/one')),
      rule('/full/both', whole('/test'), ...change),
      rule('/prefix/both', start('/prefix'), ...change),
    ]);
    const headers = { 'x-set': 'old', 'x-add': 'old', 'x-remove': 'old' };
    const seen = { 'x-set': 'new', 'x-add': 'old,new', 'x-remove': null };
    await expectAnswers(echo, [
      ['/prefix/one/two', { server: 'v1', path: '/one/two' }],
      ['/strip-prefix/three', { server: 'v1', path: '/three' }],
      ['/strip-prefix', { server: 'v1', path: '/' }],
      ['/strip-prefix?a=b', { server: 'v1', path: '/?a=b' }],
      ['/full/one/two', { server: 'v1', path: '/one' }],
      [
        { path: '/full/both/test', headers },
        { path: '/test', seen },
      ],
      [
        { path: '/prefix/both/one', headers },
        { path: '/prefix/one', seen },
      ],
    ]);
  });

  it('MeshHTTPRouteNamedRule: names of rules change nothing', async () => {
    const echo = await routed([
      { name: 'named-rule', matches: [prefix('/named')], backendRefs: v1 },
      { matches: [prefix('/unnamed')], backendRefs: v2 },
    ]);
    await expectAnswers(echo, [
      ['/named', { server: 'v1', path: '/named' }],
      ['/unnamed', { server: 'v2', path: '/unnamed' }],
    ]);
  });
});

describe('MESH-HTTP, routes by the namespace of the client', () => {
  const consumer = 'cluster.local/ns/consumer/sa/client';
  const rules = (value: string) => ({
    rules: [{ filters: setOnAnswer(value), backendRefs: [{ name: 'echo-v1', namespace: 'shop', port: 80 }] }],
  });

  it('MeshConsumerRoute: a route of another namespace is for requests from there alone', async () => {
    const parent = { name: 'echo-v1', namespace: 'shop' };
    await rig().apply(route('HTTPRoute', 'consumer', parent, rules('set'), 'consumer'));
    await expectAnswers(
      '10.96.255.1:80',
      [['/', { status: 200, server: 'v1', headers: { 'x-header-set': 'set' } }]],
      consumer,
    );
    await expectAnswers('10.96.255.1:80', [['/', { status: 200, server: 'v1', headers: { 'x-header-set': null } }]]);
  });

  it('its routes are in place of those of the service’s own namespace, which others still get', async () => {
    const { name, ip } = frontend();
    await rig().apply(
      service(name, ip, null),
      route('HTTPRoute', name, { name }, { rules: [{ filters: setOnAnswer('producer'), backendRefs: v1 }] }),
      route(
        'HTTPRoute',
        name,
        { name, namespace: 'shop' },
        {
          rules: [
            {
              matches: [prefix('/mine')],
              filters: setOnAnswer('consumer'),
              backendRefs: [{ name, namespace: 'shop', port: 80 }],
            },
          ],
        },
        'consumer',
      ),
    );
    await expectAnswers(
      `${ip}:80`,
      [
        ['/mine', { status: 200, headers: { 'x-header-set': 'consumer' } }],
        ['/', 404],
      ],
      consumer,
    );
    await expectAnswers(`${ip}:80`, [['/mine', { status: 200, headers: { 'x-header-set': 'producer' } }]]);
  });
});
