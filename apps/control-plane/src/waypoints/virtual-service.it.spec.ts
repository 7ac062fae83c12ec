import { istio, service } from '../testing/proxy/mesh-objects.js';
import { useWaypoint } from '../testing/waypoint/use-waypoint.js';

const { rig, frontend, expectAnswers, shares } = useWaypoint();
const to = (name: string) => [{ destination: { host: `echo-${name}`, port: { number: 80 } } }];
const v1 = to('v1');
const v2 = to('v2');
const when = (uri: object, more: object = {}) => [{ uri, ...more }];

/** A new Service with a VirtualService of these rules. */
async function routed(http: readonly object[], more: object = {}): Promise<string> {
  const { name, ip } = frontend();
  await rig().apply(istio('VirtualService', name, { hosts: [name], http, ...more }), service(name, ip, null));
  return `${ip}:80`;
}

describe('a VirtualService at a waypoint: conditions', () => {
  it('uri: exact, prefix, regex as a whole, without regard to case', async () => {
    const echo = await routed([
      { match: when({ exact: '/Exact' }, { ignoreUriCase: true }), route: v1 },
      { match: when({ prefix: '/pre' }), route: v2 },
      { match: when({ regex: '/re/[0-9]+' }), route: v1 },
      { directResponse: { status: 418 } },
    ]);
    await expectAnswers(echo, [
      ['/exact', 'v1'],
      ['/exact/x', 418],
      ['/prefix', 'v2'],
      ['/Prefix', 418],
      ['/re/12', 'v1'],
      ['/re/12/x', 418],
    ]);
  });

  it('method, scheme, authority, headers, withoutHeaders, queryParams: all must hold', async () => {
    const conditions = {
      method: { exact: 'POST' },
      scheme: { exact: 'http' },
      authority: { prefix: 'good' },
      headers: { 'x-exact': { exact: 'a' }, 'x-there': {} },
      withoutHeaders: { 'x-not': {}, 'x-not-this': { exact: 'this' } },
      queryParams: { q: { regex: '[0-9]+' } },
    };
    const echo = await routed([{ match: [conditions], route: v1 }, { directResponse: { status: 418 } }]);
    const good = { path: '/?q=1', method: 'POST', host: 'good', headers: { 'x-exact': 'a', 'x-there': 'b' } };
    const with_ = (headers: Record<string, string>) => ({ ...good, headers: { ...good.headers, ...headers } });
    await expectAnswers(echo, [
      [good, 'v1'],
      [with_({ 'x-not-this': 'other' }), 'v1'],
      [with_({ 'x-not': '' }), 418],
      [with_({ 'x-not-this': 'this' }), 418],
      [with_({ 'x-exact': 'b' }), 418],
      [{ ...good, headers: { 'x-exact': 'a' } }, 418],
      [{ ...good, method: 'GET' }, 418],
      [{ ...good, host: 'bad' }, 418],
      [{ ...good, path: '/?q=x' }, 418],
      [{ ...good, path: '/' }, 418],
    ]);
  });

  it('sourceNamespace: of the client, as its identity says; port: that the client asked for', async () => {
    const echo = await routed([
      { match: [{ sourceNamespace: 'guests' }], directResponse: { status: 403 } },
      { match: [{ port: 8080 }], route: v2 },
      { route: v1 },
    ]);
    await expectAnswers(echo, [['/', 'v1']]);
    await expectAnswers(echo, [['/', 403]], 'cluster.local/ns/guests/sa/x');
    await expectAnswers(echo, [['/', 'v1']], 'cluster.local/ns/guests-of-mine/sa/x');
    await expectAnswers(echo.replace(':80', ':8080'), [['/', 'v2']]);
  });

  it('sourceLabels and gateways: what is not for clients in the mesh is not there', async () => {
    const echo = await routed(
      [
        { match: [{ sourceLabels: { app: 'x' } }, { gateways: ['edge'] }], directResponse: { status: 418 } },
        { match: [{ gateways: ['mesh'] }], route: v1 },
      ],
      { gateways: ['mesh', 'edge'] },
    );
    await expectAnswers(echo, [['/', 'v1']]);
  });
});

describe('a VirtualService at a waypoint: actions', () => {
  it('weights: a share of nothing gets nothing', async () => {
    const route = [
      { ...v1[0], weight: 0 },
      { ...v2[0], weight: 3 },
      { ...to('v3')[0], weight: 1 },
    ];
    const echo = await routed([{ route }]);
    await rig().settles(async () => Object.keys(await shares(echo, 20)).sort(), ['v2', 'v3']);
    const { v3 = 0 } = await shares(echo, 200);
    // Five standard deviations.
    expect(Math.abs(v3 - 50)).toBeLessThan(31);
  });

  it('redirect, with the port that was asked for; directResponse; rewrites', async () => {
    const echo = await routed([
      {
        match: when({ prefix: '/full' }),
        redirect: { uri: '/to', authority: 'other', scheme: 'https', redirectCode: 308 },
      },
      { match: when({ prefix: '/derive' }), redirect: { authority: 'other', derivePort: 'FROM_REQUEST_PORT' } },
      { match: when({ prefix: '/direct' }), directResponse: { status: 418, body: { string: 'tea' } } },
      { match: when({ prefix: '/old/' }), rewrite: { uri: '/new/', authority: 'inner' }, route: v1 },
      { match: when({ exact: '/one' }), rewrite: { uri: '/two' }, route: v1 },
      {
        match: when({ prefix: '/regex' }),
        rewrite: { uriRegexRewrite: { match: '^/regex/([^/]+)/(.*)$', rewrite: '/\\2/\\1' } },
        route: v1,
      },
    ]);
    await expectAnswers(echo, [
      ['/full/x', { status: 308, headers: { location: 'https://other/to' } }],
      ['/derive', { status: 301, headers: { location: 'http://other/derive' } }],
      ['/direct', 418],
      ['/old/x', { path: '/new/x', host: 'inner' }],
      ['/one', { path: '/two' }],
      ['/regex/a/b', { path: '/b/a' }],
      ['/else', 404],
    ]);
    expect((await rig().ask(echo, { path: '/direct' })).body).toBe('tea');
  });

  it('headers: of the request and of the answer, of all and of one destination', async () => {
    const echo = await routed([
      {
        headers: { request: { set: { 'x-all': 'new' }, remove: ['x-gone'] }, response: { add: { 'x-back': 'all' } } },
        route: [
          {
            ...v1[0],
            headers: {
              request: { add: { 'x-one': 'new' }, set: { host: 'inner' } },
              response: { remove: ['x-server'] },
            },
          },
        ],
      },
    ]);
    await expectAnswers(echo, [[{}, { headers: { 'x-back': 'all', 'x-server': null } }]]);
    const [seen] = rig().pod('v1').requests.slice(-1);
    expect(seen).toMatchObject({ host: 'inner', headers: { 'x-all': 'new', 'x-one': 'new' } });
  });

  it('timeout, retries on statuses and resets as often as they say, none when there are to be none', async () => {
    const echo = await routed([
      { match: when({ prefix: '/delay' }), timeout: '0.2s', route: v1 },
      { match: when({ prefix: '/fail' }), retries: { attempts: 3, retryOn: '503', backoff: '1ms' }, route: v1 },
      { match: when({ prefix: '/reset' }), retries: { attempts: 0 }, route: v1 },
    ]);
    await expectAnswers(echo, [
      ['/delay/2000', 504],
      ['/fail/3/a', { server: 'v1', status: 200, seen: { 'x-envoy-attempt-count': '4' } }],
      ['/fail/9/b', 503],
      ['/reset', 503],
    ]);
    expect(
      rig()
        .pod('v1')
        .requests.filter(({ path }) => path === '/reset'),
    ).toHaveLength(1);
  });

  it('perTryTimeout: each try has its own time', async () => {
    const retries = { attempts: 2, perTryTimeout: '1s', retryOn: '5xx,reset', backoff: '1ms' };
    const echo = await routed([{ retries, headers: { response: { set: { 'x-route': 'yes' } } }, route: v1 }]);
    await expectAnswers(echo, [
      ['/', { status: 200, headers: { 'x-route': 'yes' } }],
      ['/delay/5000', 504],
    ]);
    expect(
      rig()
        .pod('v1')
        .requests.filter(({ path }) => path === '/delay/5000'),
    ).toHaveLength(3);
  });

  it('fault: delays and aborts the share that it says', async () => {
    const half = { percentage: { value: 50 } };
    const echo = await routed([
      { match: when({ prefix: '/abort' }), fault: { abort: { httpStatus: 418 } }, route: v1 },
      { match: when({ prefix: '/half' }), fault: { abort: { httpStatus: 418, ...half } }, route: v1 },
      { match: when({ prefix: '/slow' }), fault: { delay: { fixedDelay: '0.3s' } }, route: v1 },
      { match: when({ prefix: '/never' }), fault: { abort: { httpStatus: 418, percentage: { value: 0 } } }, route: v1 },
    ]);
    await expectAnswers(echo, [
      ['/abort', 418],
      ['/never', 'v1'],
    ]);
    expect((await rig().ask(echo, { path: '/slow' })).ms).toBeGreaterThanOrEqual(300);
    let aborted = 0;
    for (let i = 0; i < 100; i++) if ((await rig().ask(echo, { path: '/half' })).status === 418) aborted++;
    // Five standard deviations.
    expect(Math.abs(aborted - 50)).toBeLessThan(26);
  });

  it('mirror and mirrors: copies whose answers nobody waits for; explicitly nothing is nothing', async () => {
    const echo = await routed([
      { match: when({ prefix: '/one' }), mirror: v2[0]!.destination, route: v1 },
      {
        match: when({ prefix: '/two' }),
        mirrors: [
          { destination: v2[0]!.destination },
          { destination: to('v3')[0]!.destination, percentage: { value: 0 } },
        ],
        route: v1,
      },
    ]);
    await expectAnswers(echo, [
      ['/one', 'v1'],
      ['/two', 'v1'],
    ]);
    const copies = (pod: string, path: string) =>
      rig()
        .pod(pod)
        .requests.filter((one) => one.path === path).length;
    await rig().settles(() => Promise.resolve([copies('v2', '/one') > 0, copies('v2', '/two') > 0]), [true, true]);
    expect(copies('v3', '/two')).toBe(0);
  });

  it('corsPolicy: preflights are answered for the origins, and others get no headers', async () => {
    const corsPolicy = {
      allowOrigins: [{ exact: 'https://a.example.com' }, { regex: 'https://[bc]\\.example\\.com' }],
      allowMethods: ['GET', 'PUT'],
      allowHeaders: ['x-own'],
      exposeHeaders: ['x-back'],
      maxAge: '10m',
      allowCredentials: true,
    };
    const echo = await routed([{ corsPolicy, route: v1 }]);
    const preflight = (origin: string) => ({
      method: 'OPTIONS',
      headers: { origin, 'access-control-request-method': 'PUT' },
    });
    const headers = (origin: string) => ({
      'access-control-allow-origin': origin,
      'access-control-allow-methods': 'GET,PUT',
      'access-control-allow-headers': 'x-own',
      'access-control-max-age': '600',
      'access-control-allow-credentials': 'true',
    });
    await expectAnswers(echo, [
      [preflight('https://a.example.com'), { status: 200, server: '', headers: headers('https://a.example.com') }],
      [preflight('https://b.example.com'), { status: 200, server: '', headers: headers('https://b.example.com') }],
      [preflight('https://x.example.com'), { server: 'v1', headers: { 'access-control-allow-origin': null } }],
      [
        { headers: { origin: 'https://a.example.com' } },
        { server: 'v1', headers: { 'access-control-expose-headers': 'x-back' } },
      ],
    ]);
  });

  it('delegate: the routes of another VirtualService, within the conditions of the route that names it', async () => {
    await rig().apply(
      istio('VirtualService', 'delegate', {
        http: [{ match: when({ prefix: '/team/two' }), route: v2 }, { route: v1 }],
      }),
    );
    const echo = await routed([
      { match: when({ prefix: '/team' }), delegate: { name: 'delegate' } },
      { match: when({ prefix: '/gone' }), delegate: { name: 'nobody' } },
      { route: to('v3') },
    ]);
    await expectAnswers(echo, [
      ['/team/two', 'v2'],
      ['/team/one', 'v1'],
      ['/gone', 500],
      ['/else', 'v3'],
    ]);
  });

  it('a destination that is not there answers 500, the others go on', async () => {
    const echo = await routed([
      { match: when({ prefix: '/gone' }), route: [{ destination: { host: 'nobody' } }] },
      { route: v1 },
    ]);
    await expectAnswers(echo, [
      ['/', 'v1'],
      ['/gone', 500],
    ]);
  });
});
