import { backendTlsPolicy, rootsMap } from '../testing/proxy/certificate-objects.js';
import { object, route, service, SHOP } from '../testing/proxy/mesh-objects.js';
import { useWaypoint } from '../testing/waypoint/use-waypoint.js';

const { rig, frontend, routed, expectAnswers } = useWaypoint();
const v1 = [{ name: 'echo-v1', port: 80 }];
const v2 = [{ name: 'echo-v2', port: 80 }];
const prefix = (value: string) => ({ path: { type: 'PathPrefix', value } });

/** What the conformance suite asks of gateways only, asked of a waypoint. */
describe('an HTTPRoute of a Service', () => {
  it('chooses by exact path, regular expression, method, and header expression', async () => {
    const echo = await routed([
      { matches: [{ path: { type: 'Exact', value: '/exact' } }], backendRefs: v1 },
      { matches: [{ path: { type: 'RegularExpression', value: '/re/[0-9]+' } }], backendRefs: v2 },
      { matches: [{ method: 'PUT' }], backendRefs: v2 },
      { matches: [{ headers: [{ type: 'RegularExpression', name: 'x', value: 'a+' }] }], backendRefs: v1 },
    ]);
    await expectAnswers(echo, [
      ['/exact', 'v1'],
      ['/exact/', 404],
      ['/re/12', 'v2'],
      ['/re/x', 404],
      [{ method: 'PUT' }, 'v2'],
      [{ headers: { x: 'aaa' } }, 'v1'],
      [{ headers: { x: 'baa' } }, 404],
    ]);
  });

  it('several routes are one: the most specific match of all, then the older route', async () => {
    const { name, ip } = frontend();
    const of = (suffix: string, path: string, backendRefs: object) =>
      route(
        'HTTPRoute',
        `${name}-${suffix}`,
        { name, port: 80 },
        { rules: [{ matches: [prefix(path)], backendRefs }] },
      );
    await rig().apply(service(name, ip, null), of('b', '/', v1));
    await expectAnswers(`${ip}:80`, [['/', 'v1']]);
    await rig().apply(of('a', '/', v2), of('c', '/longer', v2));
    await expectAnswers(`${ip}:80`, [
      ['/longer', 'v2'],
      ['/', 'v1'],
    ]);
  });

  it('timeouts: of the request, and of each try', async () => {
    const echo = await routed([
      { matches: [prefix('/delay')], timeouts: { request: '200ms' }, backendRefs: v1 },
      {
        matches: [prefix('/')],
        timeouts: { backendRequest: '100ms' },
        retry: { attempts: 1, codes: [504] },
        backendRefs: v1,
      },
    ]);
    await expectAnswers(echo, [
      ['/status/201', 201],
      ['/delay/2000', 504],
    ]);
  });

  it('retry: on the codes, as often as it says; with attempts 0 not at all', async () => {
    const echo = await routed([
      { matches: [prefix('/fail/2')], retry: { attempts: 2, codes: [503], backoff: '1ms' }, backendRefs: v1 },
      { matches: [prefix('/fail/1')], retry: { attempts: 0, codes: [503] }, backendRefs: v1 },
    ]);
    await expectAnswers(echo, [
      ['/', 404],
      ['/fail/2/route-a', { status: 200, seen: { 'x-envoy-attempt-count': '3' } }],
    ]);
    expect((await rig().ask(echo, { path: '/fail/1/route-b' })).status).toBe(503);
  });

  it('RequestMirror: one or several, all or a share', async () => {
    const mirror = (name: string, more: object = {}) => ({
      type: 'RequestMirror',
      requestMirror: { backendRef: { name, port: 80 }, ...more },
    });
    const echo = await routed([
      { matches: [prefix('/m')], filters: [mirror('echo-v2'), mirror('echo-v3', { percent: 0 })], backendRefs: v1 },
    ]);
    await expectAnswers(echo, [['/m/1', 'v1']]);
    const copies = (pod: string) =>
      rig()
        .pod(pod)
        .requests.filter(({ path }) => path === '/m/1').length;
    await rig().settles(() => Promise.resolve(copies('v2') > 0), true);
    expect(copies('v3')).toBe(0);
  });

  it('CORS: preflights of the origins are answered', async () => {
    const cors = {
      allowOrigins: ['https://*.example.com'],
      allowMethods: ['GET', 'PUT'],
      allowHeaders: ['x-own'],
      maxAge: 60,
    };
    const echo = await routed([{ filters: [{ type: 'CORS', cors }], backendRefs: v1 }]);
    const preflight = (origin: string) => ({
      method: 'OPTIONS',
      headers: { origin, 'access-control-request-method': 'PUT' },
    });
    await expectAnswers(echo, [
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

  it('response headers of all and of one backend; host and path rewritten together', async () => {
    const set = (name: string) => ({
      type: 'ResponseHeaderModifier',
      responseHeaderModifier: { set: [{ name, value: 'yes' }], remove: ['x-server'] },
    });
    const urlRewrite = { hostname: 'inner', path: { type: 'ReplaceFullPath', replaceFullPath: '/whole' } };
    const echo = await routed([
      { matches: [prefix('/headers')], filters: [set('x-all')], backendRefs: [{ ...v1[0], filters: [set('x-one')] }] },
      { matches: [prefix('/')], filters: [{ type: 'URLRewrite', urlRewrite }], backendRefs: v1 },
    ]);
    await expectAnswers(echo, [
      ['/x?q=1', { host: 'inner', path: '/whole?q=1' }],
      ['/headers', { headers: { 'x-all': 'yes', 'x-one': 'yes', 'x-server': null } }],
    ]);
  });

  it('answers 500 where a rule has no backend, none with weight, one that is missing or not allowed, or an unknown filter', async () => {
    await rig().apply(service('far', '10.96.2.1', 'v1', { ns: 'far' }));
    const extensionRef = { group: 'example.com', kind: 'Thing', name: 'thing' };
    const echo = await routed([
      { matches: [prefix('/none')] },
      { matches: [prefix('/weightless')], backendRefs: [{ ...v1[0], weight: 0 }] },
      { matches: [prefix('/missing')], backendRefs: [{ name: 'nobody', port: 80 }] },
      { matches: [prefix('/no-port')], backendRefs: [{ name: 'echo-v1', port: 81 }] },
      { matches: [prefix('/kind')], backendRefs: [{ group: 'example.com', kind: 'Thing', name: 'thing' }] },
      { matches: [prefix('/far')], backendRefs: [{ name: 'far', namespace: 'far', port: 80 }] },
      { matches: [prefix('/filter')], filters: [{ type: 'ExtensionRef', extensionRef }], backendRefs: v1 },
      { matches: [prefix('/good')], backendRefs: v1 },
    ]);
    await expectAnswers(echo, [['/good', 'v1']]);
    for (const path of ['/none', '/weightless', '/missing', '/no-port', '/kind', '/far', '/filter'])
      await expectAnswers(echo, [[path, { status: 500, server: '' }]]);
    const grant = {
      from: [{ group: 'gateway.networking.k8s.io', kind: 'HTTPRoute', namespace: SHOP }],
      to: [{ group: '', kind: 'Service', name: 'far' }],
    };
    const metadata = { name: 'far', namespace: 'far' };
    const referenceGrant = object({
      apiVersion: 'gateway.networking.k8s.io/v1',
      kind: 'ReferenceGrant',
      metadata,
      spec: grant,
    });
    await rig().apply(referenceGrant);
    // Allowed now, but nobody is there.
    await expectAnswers(echo, [['/far', 503]]);
    await rig().remove(referenceGrant);
    await expectAnswers(echo, [['/far', 500]]);
  });

  it('a share of a missing backend fails, the rest does not', async () => {
    const echo = await routed([{ backendRefs: [...v1, { name: 'nobody', port: 80 }] }]);
    await rig().settles(async () => {
      const seen = new Set<number>();
      for (let i = 0; i < 20; i++) seen.add((await rig().ask(echo)).status);
      return [...seen].sort();
    }, [200, 500]);
  });
});

describe('a BackendTLSPolicy of a Service behind a waypoint', () => {
  const at = (sni: string) => ({ status: 200, server: 'v1', tls: { sni, client: '' } });

  it('requests go on in TLS, by routes and straight; one that cannot be kept lets none pass', async () => {
    const target = { name: 'echo-v1', sectionName: 'secure' };
    await rig().apply(rootsMap('roots', rig().authority.rootPem), backendTlsPolicy('waypoint', target));
    const echo = await routed([{ backendRefs: [{ name: 'echo-v1', port: 8443 }] }]);
    await expectAnswers(echo, [['/', at('abc.example.com')]]);
    await expectAnswers('10.96.255.1:8443', [['/', at('abc.example.com')]]);
    await expectAnswers('10.96.255.1:80', [['/', { status: 200, server: 'v1', tls: undefined }]]);
    await rig().apply(
      backendTlsPolicy('waypoint', target, { caCertificateRefs: [{ group: '', kind: 'ConfigMap', name: 'none' }] }),
    );
    await expectAnswers(echo, [['/', 503]]);
    await expectAnswers('10.96.255.1:8443', [['/', 503]]);
    await rig().remove(backendTlsPolicy('waypoint', target));
  });
});
