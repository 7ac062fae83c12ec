import type { KubeObject } from '@weft/kube';
import { settles, until } from '@weft/testing-fixtures';
import { parsePrometheusText } from '@weft/testing-mesh-deployment';
import { HttpLoad } from './cluster/http-load.js';
import { useCluster } from './cluster/use-cluster.js';
import { namespace, pod } from './workloads/objects.js';
import { httpEcho } from './workloads/own-programs.js';
import { HTTP_PORT, redis, REDIS_PORT, shell } from './workloads/programs.js';
import { TokenIssuer } from './workloads/tokens.js';

const CLIENT = { namespace: 'shop', pod: 'client' };
/** Kinds that have no type of their own here. */
const object = (fields: object): KubeObject => fields;
const issuer = new TokenIssuer('https://issuer.example.com');

interface Answer {
  readonly status: number;
  /** Empty when the proxy answered by itself. */
  readonly server: string;
  readonly headers: Readonly<Record<string, string>>;
  /** The headers that the server saw. */
  readonly seen: Readonly<Record<string, string>>;
  readonly path: string;
  readonly seconds: number;
}

describe('a waypoint', () => {
  const cluster = useCluster({ name: 'waypoint' });

  const ask = async (url: string, ...options: string[]): Promise<Answer> => {
    const format = '\n%{json}';
    const argv = ['curl', '-sS', '-D', '-', '--max-time', '10', '-w', format, ...options, url];
    const { stdout, stderr, code } = await cluster().exec(CLIENT, argv);
    if (code !== 0) throw new Error(`curl ${url}: ${code} ${stderr}`);
    const [head = '', ...rest] = stdout.split('\r\n\r\n');
    const text = rest.join('\r\n\r\n');
    const measured = JSON.parse(text.slice(text.lastIndexOf('\n{') + 1)) as { http_code: number; time_total: number };
    const body = text.slice(0, text.lastIndexOf('\n{'));
    const headers = Object.fromEntries(
      head
        .split('\r\n')
        .slice(1)
        .map((line) => [line.slice(0, line.indexOf(':')).toLowerCase(), line.slice(line.indexOf(':') + 1).trim()]),
    );
    const echo =
      headers['x-server'] === undefined
        ? {}
        : (JSON.parse(body) as { headers?: Record<string, string>; path?: string });
    return {
      status: measured.http_code,
      server: headers['x-server'] ?? '',
      headers,
      seen: echo.headers ?? {},
      path: echo.path ?? '',
      seconds: measured.time_total,
    };
  };
  const status = async (url: string, ...options: string[]): Promise<number> => (await ask(url, ...options)).status;
  const servers = async (url: string, count: number): Promise<Record<string, number>> => {
    const script = `for i in $(seq ${count}); do curl -sS -o /dev/null -w '%header{x-server}\\n' ${url}; done`;
    const { stdout } = await cluster().exec(CLIENT, ['sh', '-c', script], { timeoutMs: 60_000 });
    const seen: Record<string, number> = {};
    for (const name of stdout.trim().split('\n')) seen[name] = (seen[name] ?? 0) + 1;
    return seen;
  };
  const throughWaypoint = async (url: string): Promise<boolean> =>
    (await ask(url)).seen['x-envoy-attempt-count'] !== undefined;

  const httpService = (
    name: string,
    selector: Record<string, string>,
    labels: Record<string, string> = {},
  ): KubeObject =>
    object({
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name, namespace: 'shop', labels },
      spec: { selector, ports: [{ name: 'http', port: 80, targetPort: HTTP_PORT }] },
    });
  const route = (rules: readonly object[], name = 'web'): KubeObject =>
    object({
      apiVersion: 'gateway.networking.k8s.io/v1',
      kind: 'HTTPRoute',
      metadata: { name, namespace: 'shop' },
      spec: { parentRefs: [{ group: '', kind: 'Service', name, port: 80 }], rules },
    });
  const security = (kind: string, name: string, service: string, spec: object): KubeObject =>
    object({
      apiVersion: 'security.istio.io/v1',
      kind,
      metadata: { name, namespace: 'shop' },
      spec: { targetRefs: [{ group: '', kind: 'Service', name: service }], ...spec },
    });
  const gateway = (name: string, labels: Record<string, string> = {}): KubeObject =>
    object({
      apiVersion: 'gateway.networking.k8s.io/v1',
      kind: 'Gateway',
      metadata: { name, namespace: 'shop', labels },
      spec: { gatewayClassName: 'istio-waypoint', listeners: [{ name: 'mesh', port: 15008, protocol: 'HBONE' }] },
    });
  const backends = (v1: number, v2: number) => [
    { name: 'web-v1', port: 80, weight: v1 },
    { name: 'web-v2', port: 80, weight: v2 },
  ];

  beforeAll(async () => {
    await cluster().apply([
      namespace('shop', true),
      ...pod({ namespace: 'shop', name: 'client', node: 'node-1', containers: [shell()] }),
      ...(['v1', 'v2'] as const).flatMap((version) =>
        pod({
          namespace: 'shop',
          name: `web-${version}`,
          node: version === 'v1' ? 'node-1' : 'node-2',
          labels: { app: 'web', version },
          containers: [httpEcho(version)],
        }),
      ),
      ...pod({
        namespace: 'shop',
        name: 'solo',
        node: 'node-2',
        labels: { 'istio.io/use-waypoint': 'workloads' },
        containers: [httpEcho('solo')],
      }),
      ...pod({ namespace: 'shop', name: 'cache', node: 'node-2', containers: [redis()] }),
      object({
        apiVersion: 'v1',
        kind: 'Service',
        metadata: { name: 'cache', namespace: 'shop', labels: { 'istio.io/use-waypoint': 'wp' } },
        spec: { selector: { app: 'cache' }, ports: [{ name: 'tcp', port: 6379, targetPort: REDIS_PORT }] },
      }),
      gateway('workloads', { 'istio.io/waypoint-for': 'workload' }),
      ...pod({ namespace: 'shop', name: 'keys', node: 'node-2', containers: [httpEcho('keys', issuer.jwks)] }),
      httpService('web', { app: 'web' }, { 'istio.io/use-waypoint': 'wp' }),
      httpService('web-v1', { app: 'web', version: 'v1' }),
      httpService('web-v2', { app: 'web', version: 'v2' }),
      httpService('plain', { app: 'web' }),
      httpService('secure', { app: 'web' }, { 'istio.io/use-waypoint': 'wp' }),
      httpService('keys', { app: 'keys' }),
      gateway('wp'),
    ]);
    await cluster().ready('shop', ['client', 'web-v1', 'web-v2', 'keys', 'solo', 'cache']);
    const programmed = ['wait', '-n', 'shop', '--for=condition=Programmed', 'gtw/wp', 'gtw/workloads', '--timeout=60s'];
    await cluster().kubectlOk(programmed, { timeoutMs: 70_000 });
  }, 150_000);

  it('S-30: is made for a Gateway; a labelled service goes through it, its sibling does not', async () => {
    await settles(() => throughWaypoint('http://web.shop/'), true);
    expect(await throughWaypoint('http://plain.shop/')).toBe(false);
  });

  it('S-35: has the three listeners, and the server is reached through HBONE by its identity', async () => {
    const dump = await cluster().kubectlOk([
      'exec',
      '-n',
      'shop',
      'deploy/wp',
      '--',
      'curl',
      '-s',
      'http://127.0.0.1:15000/listeners',
    ]);
    for (const name of ['connect_terminate', 'main_internal', 'connect_originate']) expect(dump).toContain(name);
  });

  it('S-33: an HTTPRoute splits 80 to 20', async () => {
    await cluster().apply([route([{ backendRefs: backends(80, 20) }])]);
    await settles(async () => Object.keys(await servers('http://web.shop/', 20)).length, 2);
    const { v2 = 0 } = await servers('http://web.shop/', 300);
    // Five standard deviations.
    expect(v2).toBeGreaterThan(25);
    expect(v2).toBeLessThan(95);
  });

  it('S-31: an HTTPRoute chooses by header and changes headers and path on the way', async () => {
    await cluster().apply([
      route([
        {
          matches: [{ headers: [{ name: 'x-user', value: 'tester' }], path: { value: '/old' } }],
          filters: [
            { type: 'RequestHeaderModifier', requestHeaderModifier: { set: [{ name: 'x-way', value: 'tested' }] } },
            { type: 'ResponseHeaderModifier', responseHeaderModifier: { add: [{ name: 'x-back', value: 'yes' }] } },
            { type: 'URLRewrite', urlRewrite: { path: { type: 'ReplacePrefixMatch', replacePrefixMatch: '/new' } } },
          ],
          backendRefs: backends(0, 1),
        },
        { backendRefs: backends(1, 0) },
      ]),
    ]);
    // By its path: the route of before sends some requests to the same server.
    await settles(async () => (await ask('http://web.shop/old/x', '-H', 'x-user: tester')).path, '/new/x');
    const tested = await ask('http://web.shop/old/x', '-H', 'x-user: tester');
    expect(tested).toMatchObject({
      server: 'v2',
      path: '/new/x',
      seen: { 'x-way': 'tested' },
      headers: { 'x-back': 'yes' },
    });
    expect(await ask('http://web.shop/old/x')).toMatchObject({ server: 'v1', path: '/old/x' });
  });

  it('S-33: retries what failed, as often as the route says', async () => {
    await cluster().apply([route([{ backendRefs: backends(1, 0), retry: { attempts: 3, codes: [503] } }])]);
    let asked = 0;
    await settles(async () => {
      const answer = await ask(`http://web.shop/fail/3/${++asked}`);
      return [answer.status, answer.seen['x-envoy-attempt-count']];
    }, [200, '4']);
    const retried = await ask('http://web.shop/fail/2/a');
    expect(retried.status).toBe(200);
    expect(retried.seen['x-envoy-attempt-count']).toBe('3');
    expect(await status('http://web.shop/fail/9/b')).toBe(503);
  });

  it('answers 404 to what no rule of a route takes, and 500 where a backend is missing', async () => {
    await cluster().apply([
      route([
        { matches: [{ path: { value: '/v1' } }], backendRefs: backends(1, 0) },
        { matches: [{ path: { value: '/missing' } }], backendRefs: [{ name: 'missing', port: 80 }] },
      ]),
    ]);
    await settles(() => status('http://web.shop/else'), 404);
    expect(await status('http://web.shop/missing')).toBe(500);
    expect(await status('http://web.shop/v1')).toBe(200);
  });

  it('S-33: a VirtualService puts a fault on requests with a header', async () => {
    const fault = (header: string, value: object) => ({
      match: [{ headers: { 'x-fault': { exact: header } } }],
      fault: value,
      route: [{ destination: { host: 'secure' } }],
    });
    await cluster().apply([
      object({
        apiVersion: 'networking.istio.io/v1',
        kind: 'VirtualService',
        metadata: { name: 'secure', namespace: 'shop' },
        spec: {
          hosts: ['secure'],
          http: [
            fault('abort', { abort: { httpStatus: 418, percentage: { value: 100 } } }),
            fault('delay', { delay: { fixedDelay: '1s', percentage: { value: 100 } } }),
            { route: [{ destination: { host: 'secure' } }] },
          ],
        },
      }),
    ]);
    await settles(() => status('http://secure.shop/', '-H', 'x-fault: abort'), 418);
    expect((await ask('http://secure.shop/', '-H', 'x-fault: delay')).seconds).toBeGreaterThanOrEqual(1);
    expect(await status('http://secure.shop/')).toBe(200);
  });

  it('S-33: an AuthorizationPolicy decides by method, path and identity', async () => {
    const rules = [
      { to: [{ operation: { methods: ['GET'], paths: ['/open*'] } }] },
      {
        from: [{ source: { principals: ['cluster.local/ns/shop/sa/client'] } }],
        to: [{ operation: { paths: ['/mine'] } }],
      },
      {
        from: [{ source: { principals: ['cluster.local/ns/shop/sa/other'] } }],
        to: [{ operation: { paths: ['/yours'] } }],
      },
    ];
    await cluster().apply([security('AuthorizationPolicy', 'open', 'secure', { action: 'ALLOW', rules })]);
    await settles(() => status('http://secure.shop/closed'), 403);
    expect(await status('http://secure.shop/open/door')).toBe(200);
    expect(await status('http://secure.shop/open/door', '-X', 'POST')).toBe(403);
    expect(await status('http://secure.shop/mine')).toBe(200);
    expect(await status('http://secure.shop/yours')).toBe(403);
    expect(await status('http://plain.shop/closed')).toBe(200);
  });

  it('S-31: a RequestAuthentication refuses bad tokens, and a policy asks for claims of good ones', async () => {
    const jwtRules = [{ issuer: issuer.issuer, jwksUri: 'http://keys.shop.svc.cluster.local/file/keys' }];
    const rules = [
      {
        from: [{ source: { requestPrincipals: [`${issuer.issuer}/*`] } }],
        when: [{ key: 'request.auth.claims[groups]', values: ['admin'] }],
      },
    ];
    await cluster().apply([
      security('RequestAuthentication', 'secure', 'secure', { jwtRules }),
      security('AuthorizationPolicy', 'open', 'secure', { action: 'ALLOW', rules }),
    ]);
    const bearer = (token: string): string[] => ['-H', `authorization: Bearer ${token}`];
    await settles(() => status('http://secure.shop/', ...bearer(issuer.token({ groups: ['admin', 'x'] }))), 200);
    expect(await status('http://secure.shop/', ...bearer(issuer.token({ groups: ['guest'] })))).toBe(403);
    expect(
      await status('http://secure.shop/', ...bearer(new TokenIssuer(issuer.issuer).token({ groups: ['admin'] }))),
    ).toBe(401);
    expect(await status('http://secure.shop/', ...bearer('not a token'))).toBe(401);
    expect(await status('http://secure.shop/')).toBe(403);
  });

  it('refuses every token of an issuer whose keys cannot be had', async () => {
    const jwtRules = [{ issuer: issuer.issuer, jwksUri: 'http://nowhere.shop.svc.cluster.local/keys' }];
    await cluster().apply([security('RequestAuthentication', 'secure', 'secure', { jwtRules })]);
    const token = issuer.token({ groups: ['admin'] });
    await settles(() => status('http://secure.shop/', '-H', `authorization: Bearer ${token}`), 401);
  });

  it('counts requests with Istio’s names and labels of both ends', async () => {
    const page = async (): Promise<string> =>
      cluster().kubectlOk([
        'exec',
        '-n',
        'shop',
        'deploy/wp',
        '--',
        'curl',
        '-s',
        'http://127.0.0.1:15020/stats/prometheus',
      ]);
    const of = async () =>
      parsePrometheusText(await page()).find(
        ({ name, labels }) =>
          name === 'istio_requests_total' &&
          labels['destination_service_name'] === 'secure' &&
          labels['response_code'] === '418',
      )?.labels ?? null;
    await settles(async () => (await of()) !== null, true);
    expect(await of()).toMatchObject({
      reporter: 'waypoint',
      request_protocol: 'http',
      source_workload: 'client',
      source_workload_namespace: 'shop',
      source_principal: 'spiffe://cluster.local/ns/shop/sa/client',
      source_canonical_service: 'client',
      source_cluster: 'Kubernetes',
      destination_service: 'secure.shop.svc.cluster.local',
      destination_service_namespace: 'shop',
      connection_security_policy: 'mutual_tls',
      response_flags: 'FI',
    });
  });

  it('20 changes of a route under load fail no request', async () => {
    await cluster().apply([route([{ backendRefs: backends(1, 0) }])]);
    await settles(() => status('http://web.shop/anything'), 200);
    const load = await HttpLoad.start(cluster(), CLIENT, 'http://web.shop/', 100);
    for (let i = 0; i < 20; i++) {
      const [v1, v2] = i % 2 === 0 ? [0, 1] : [1, 0];
      await cluster().apply([route([{ backendRefs: backends(v1, v2) }])]);
    }
    const counts = await load.end();
    expect(counts.failures).toEqual([]);
    expect(counts.ok).toBe(counts.asked);
    // Both were used: the changes were seen.
    expect(Object.keys(counts.byServer).sort()).toEqual(['v1', 'v2']);
  }, 90_000);

  it('S-40: is scaled out and in, and replaced, while clients keep asking', async () => {
    await cluster().apply([route([{ backendRefs: backends(1, 1) }])]);
    await settles(() => throughWaypoint('http://web.shop/'), true);
    const load = await HttpLoad.start(cluster(), CLIENT, 'http://web.shop/', 50);
    const settled = ['rollout', 'status', '-n', 'shop', 'deploy/wp', '--timeout=60s'];
    for (const replicas of [2, 1]) {
      await cluster().kubectlOk(['scale', '-n', 'shop', 'deploy/wp', `--replicas=${replicas}`]);
      await cluster().kubectlOk(settled, { timeoutMs: 70_000 });
    }
    await cluster().kubectlOk(['rollout', 'restart', '-n', 'shop', 'deploy/wp']);
    await cluster().kubectlOk(settled, { timeoutMs: 70_000 });
    const left = async (): Promise<number> =>
      (
        await cluster().kubectlOk([
          'get',
          'pods',
          '-n',
          'shop',
          '-l',
          'gateway.networking.k8s.io/gateway-name=wp',
          '-o',
          'name',
        ])
      )
        .trim()
        .split('\n').length;
    await until(async () => (await left()) === 1, 'one waypoint is left', 60_000);
    const counts = await load.end();
    expect(counts.failures).toEqual([]);
    expect(counts.ok).toBe(counts.asked);
  }, 240_000);

  it('carries TCP, and decides about connections by identity', async () => {
    const cache = 'redis-cli -h cache.shop --raw incr x';
    const ping = async (): Promise<string> =>
      (await cluster().exec(CLIENT, ['sh', '-c', `timeout 5 ${cache} 2>&1 || true`])).stdout.trim();
    const policy = (account: string) =>
      security('AuthorizationPolicy', 'cache', 'cache', {
        action: 'ALLOW',
        rules: [{ from: [{ source: { principals: [`cluster.local/ns/shop/sa/${account}`] } }] }],
      });
    await cluster().apply([policy('client')]);
    await settles(async () => /^\d+$/.test(await ping()), true);
    await cluster().apply([policy('nobody')]);
    await settles(async () => /^\d+$/.test(await ping()), false);
  });

  it('takes what is addressed to a workload, where it is made for that', async () => {
    const [address = ''] = (
      await cluster().kubectlOk(['get', 'pod', '-n', 'shop', 'solo', '-o', 'jsonpath={.status.podIP}'])
    ).split(' ');
    await settles(async () => (await ask(`http://${address}:${HTTP_PORT}/`)).headers['server'], 'envoy');
    const deny = {
      apiVersion: 'security.istio.io/v1',
      kind: 'AuthorizationPolicy',
      metadata: { name: 'solo', namespace: 'shop' },
      spec: {
        targetRefs: [{ group: 'gateway.networking.k8s.io', kind: 'Gateway', name: 'workloads' }],
        action: 'DENY',
        rules: [{ to: [{ operation: { paths: ['/closed'] } }] }],
      },
    };
    await cluster().apply([object(deny)]);
    await settles(() => status(`http://${address}:${HTTP_PORT}/closed`), 403);
    expect(await ask(`http://${address}:${HTTP_PORT}/open`)).toMatchObject({ status: 200, server: 'solo' });
  });

  it('S-34: comes and goes by label while clients keep asking', async () => {
    const load = await HttpLoad.start(cluster(), CLIENT, 'http://web.shop/', 50);
    await cluster().kubectlOk(['label', '-n', 'shop', 'service', 'web', 'istio.io/use-waypoint-']);
    await settles(() => throughWaypoint('http://web.shop/'), false);
    await cluster().kubectlOk(['label', '-n', 'shop', 'service', 'web', 'istio.io/use-waypoint=wp']);
    await settles(() => throughWaypoint('http://web.shop/'), true);
    const counts = await load.end();
    expect(counts.failures).toEqual([]);
  }, 90_000);
});
