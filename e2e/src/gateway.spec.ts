import type { KubeObject } from '@weft/kube';
import { settles } from '@weft/testing-fixtures';
import { HttpLoad } from './cluster/http-load.js';
import { OpensslPki } from './cluster/openssl-pki.js';
import { useCluster } from './cluster/use-cluster.js';
import { namespace, pod } from './workloads/objects.js';
import { httpEcho } from './workloads/own-programs.js';
import { HTTP_PORT, redis, REDIS_PORT, shell } from './workloads/programs.js';

/** Outside of the mesh. */
const CLIENT = { namespace: 'outside', pod: 'client' };
const API = 'gateway.networking.k8s.io';
const object = (fields: object): KubeObject => fields;

interface Answer {
  readonly status: number;
  /** Empty when the gateway answered by itself. */
  readonly server: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly seen: Readonly<Record<string, string>>;
  readonly path: string;
}

/** Names in titles are those of the official conformance tests. */
describe('a gateway', () => {
  const cluster = useCluster({ name: 'gateway' });
  const pki = new OpensslPki();
  let address = '';
  afterAll(() => pki[Symbol.dispose]());

  const ask = async (url: string, ...options: string[]): Promise<Answer> => {
    const { hostname, port, protocol } = new URL(url);
    const at = `${hostname}:${port || (protocol === 'https:' ? '443' : '80')}:${address}`;
    const argv = ['curl', '-sS', '-i', '--http1.1', '--max-time', '10', '--resolve', at, ...options, url];
    const { stdout, stderr, code } = await cluster().exec(CLIENT, argv);
    if (code !== 0) throw new Error(`curl ${url}: ${code} ${stderr}`);
    const [head = '', body = ''] = stdout.split('\r\n\r\n');
    const [first = '', ...lines] = head.split('\r\n');
    const headers = Object.fromEntries(
      lines.map((line) => [line.slice(0, line.indexOf(':')).toLowerCase(), line.slice(line.indexOf(':') + 1).trim()]),
    );
    const echo =
      headers['x-server'] === undefined || !body.startsWith('{')
        ? {}
        : (JSON.parse(body) as { headers?: Record<string, string>; path?: string });
    return {
      status: Number(first.split(' ')[1]),
      server: headers['x-server'] ?? '',
      headers,
      seen: echo.headers ?? {},
      path: echo.path ?? '',
    };
  };
  const outcome = async (url: string, ...options: string[]): Promise<string> => {
    try {
      const { status, server } = await ask(url, ...options);
      return status === 200 ? server : String(status);
    } catch {
      return 'closed';
    }
  };

  const route = (
    name: string,
    hostnames: readonly string[],
    rules: readonly object[],
    { ns = 'shop', kind = 'HTTPRoute', parent = {} }: { ns?: string; kind?: string; parent?: object } = {},
  ): KubeObject =>
    object({
      apiVersion: `${API}/v1`,
      kind,
      metadata: { name, namespace: ns },
      spec: {
        parentRefs: [{ name: 'edge', namespace: 'ingress', ...parent }],
        ...(hostnames.length === 0 ? {} : { hostnames }),
        rules,
      },
    });
  const to = (name: string, more: object = {}): object => ({ backendRefs: [{ name, port: 80, ...more }] });
  const service = (ns: string, name: string, selector: Record<string, string>, port = HTTP_PORT): KubeObject =>
    object({
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name, namespace: ns },
      spec: {
        selector,
        ports: [{ name: port === HTTP_PORT ? 'http' : 'tcp', port: port === HTTP_PORT ? 80 : port, targetPort: port }],
      },
    });
  const secret = (name: string, chain: string, key: string, ns = 'ingress'): KubeObject =>
    object({
      apiVersion: 'v1',
      kind: 'Secret',
      type: 'kubernetes.io/tls',
      metadata: { name, namespace: ns },
      stringData: { 'tls.crt': chain, 'tls.key': key },
    });
  const all = { namespaces: { from: 'All' } };
  const https = (name: string, hostname: string, certificate: object): object => ({
    name,
    hostname,
    port: 443,
    protocol: 'HTTPS',
    tls: { certificateRefs: [certificate] },
    allowedRoutes: all,
  });
  const condition = async (kind: string, ns: string, name: string, path: string): Promise<string> =>
    cluster().kubectlOk(['get', kind, '-n', ns, name, '-o', `jsonpath={${path}}`]);
  const ofRoute = (name: string, type: string): Promise<string> =>
    condition('httproute', 'shop', name, `.status.parents[0].conditions[?(@.type=="${type}")].reason`);
  const ofListener = (name: string, type: string): Promise<string> =>
    condition(
      'gtw',
      'ingress',
      'edge',
      `.status.listeners[?(@.name=="${name}")].conditions[?(@.type=="${type}")].reason`,
    );

  beforeAll(async () => {
    pki.authority('root');
    pki.server('first', 'root', '*.secure.example');
    pki.server('second', 'root', '*.secure.example');
    pki.server('inner', 'root', 'inner.tls.example');
    const tlsServer = `printf '%s' "$CERT" > /tmp/c.pem; printf '%s' "$KEY" > /tmp/k.pem; exec openssl s_server -quiet -accept 8443 -cert /tmp/c.pem -key /tmp/k.pem -www`;
    await cluster().apply([
      namespace('shop', true),
      namespace('ingress', false),
      namespace('outside', false),
      namespace('legacy', false),
      ...pod({ ...CLIENT, name: 'client', node: 'node-1', containers: [shell()] }),
      ...(['v1', 'v2'] as const).flatMap((version) =>
        pod({
          namespace: 'shop',
          name: `web-${version}`,
          node: version === 'v1' ? 'node-1' : 'node-2',
          labels: { app: 'web', version },
          containers: [httpEcho(version)],
        }),
      ),
      ...pod({ namespace: 'legacy', name: 'plain', node: 'node-2', containers: [httpEcho('plain')] }),
      ...pod({ namespace: 'shop', name: 'cache', node: 'node-2', containers: [redis()] }),
      ...pod({
        namespace: 'shop',
        name: 'inner',
        node: 'node-2',
        containers: [
          {
            name: 'tls',
            image: 'tls',
            command: ['sh', '-c', tlsServer],
            env: [
              { name: 'CERT', value: pki.pem('inner') },
              { name: 'KEY', value: pki.key('inner') },
            ],
            readinessProbe: { tcpSocket: { port: 8443 }, periodSeconds: 1 },
          },
        ],
      }),
      service('shop', 'web', { app: 'web' }),
      service('shop', 'web-v1', { version: 'v1' }),
      service('shop', 'web-v2', { version: 'v2' }),
      service('legacy', 'plain', { app: 'plain' }),
      service('shop', 'cache', { app: 'cache' }, REDIS_PORT),
      service('shop', 'inner', { app: 'inner' }, 8443),
      secret('cert', pki.pem('first'), pki.key('first')),
      secret('broken', 'no certificate', 'no key'),
      secret('other', pki.pem('first'), pki.key('first'), 'shop'),
      object({
        apiVersion: `${API}/v1`,
        kind: 'Gateway',
        metadata: { name: 'edge', namespace: 'ingress' },
        spec: {
          gatewayClassName: 'istio',
          listeners: [
            { name: 'any', port: 80, protocol: 'HTTP', allowedRoutes: all },
            { name: 'wild', port: 80, protocol: 'HTTP', hostname: '*.wild.example', allowedRoutes: all },
            { name: 'same', port: 8080, protocol: 'HTTP' },
            https('secure', '*.secure.example', { name: 'cert' }),
            https('exact', 'exact.secure.example', { name: 'cert' }),
            https('broken', 'broken.example', { name: 'broken' }),
            https('missing', 'missing.example', { name: 'missing' }),
            https('granted', 'granted.secure.example', { name: 'other', namespace: 'shop' }),
            {
              name: 'pass',
              port: 8443,
              protocol: 'TLS',
              hostname: '*.tls.example',
              tls: { mode: 'Passthrough' },
              allowedRoutes: all,
            },
            { name: 'tcp', port: 6379, protocol: 'TCP', allowedRoutes: all },
          ],
        },
      }),
      route('web', ['web.example'], [to('web-v1')]),
    ]);
    await cluster().ready('shop', ['web-v1', 'web-v2', 'cache', 'inner']);
    await cluster().ready('outside', ['client']);
    await cluster().ready('legacy', ['plain']);
    await cluster().kubectlOk(['wait', '-n', 'ingress', '--for=condition=Programmed', 'gtw/edge', '--timeout=60s'], {
      timeoutMs: 70_000,
    });
    address = await condition('gtw', 'ingress', 'edge', '.status.addresses[0].value');
    await cluster().exec(CLIENT, ['sh', '-c', 'cat > /tmp/root.pem'], { stdin: pki.pem('root') });
  }, 150_000);

  it('HTTPRouteSimpleSameNamespace, HTTPRouteCrossNamespace: is reached by its address, and answers 404 to other hosts', async () => {
    await settles(() => outcome('http://web.example/'), 'v1');
    expect(await outcome('http://other.example/')).toBe('404');
    await cluster().apply([
      route('near', [], [to('plain', { namespace: 'legacy' })], { ns: 'ingress', parent: { sectionName: 'same' } }),
    ]);
    await settles(() => outcome('http://web.example:8080/'), '500');
  });

  it('HTTPRouteReferenceGrant, HTTPRouteInvalidReferenceGrant: another namespace is sent to only with its grant, also outside of the mesh', async () => {
    const resolved = () =>
      condition('httproute', 'ingress', 'near', '.status.parents[0].conditions[?(@.type=="ResolvedRefs")].reason');
    await settles(resolved, 'RefNotPermitted');
    const grant = object({
      apiVersion: `${API}/v1beta1`,
      kind: 'ReferenceGrant',
      metadata: { name: 'ingress', namespace: 'legacy' },
      spec: { from: [{ group: API, kind: 'HTTPRoute', namespace: 'ingress' }], to: [{ group: '', kind: 'Service' }] },
    });
    await cluster().apply([grant]);
    await settles(() => outcome('http://any.example:8080/'), 'plain');
    await settles(resolved, 'ResolvedRefs');
    await cluster().delete([grant]);
    await settles(() => outcome('http://any.example:8080/'), '500');
  });

  it('HTTPRouteMatching, HTTPRouteExactPathMatching, HTTPRouteHeaderMatching, HTTPRouteMethodMatching, HTTPRouteQueryParamMatching, HTTPRoutePathMatchOrder', async () => {
    const when = (match: object, server: string): object => ({ matches: [match], ...to(server) });
    await cluster().apply([
      route(
        'match',
        ['match.example'],
        [
          when({ path: { type: 'PathPrefix', value: '/' } }, 'web-v1'),
          when({ path: { type: 'Exact', value: '/one' } }, 'web-v2'),
          when({ path: { type: 'PathPrefix', value: '/two' } }, 'web-v2'),
          when({ headers: [{ name: 'x-color', value: 'blue' }] }, 'web-v2'),
          when({ queryParams: [{ name: 'animal', value: 'whale' }] }, 'web-v2'),
          when({ method: 'DELETE' }, 'web-v2'),
        ],
      ),
    ]);
    await settles(() => outcome('http://match.example/one'), 'v2');
    expect(await outcome('http://match.example/one/')).toBe('v1');
    expect(await outcome('http://match.example/two/three')).toBe('v2');
    expect(await outcome('http://match.example/twothree')).toBe('v1');
    expect(await outcome('http://match.example/', '-H', 'X-Color: blue')).toBe('v2');
    expect(await outcome('http://match.example/', '-H', 'X-Color: bluer')).toBe('v1');
    expect(await outcome('http://match.example/?animal=whale')).toBe('v2');
    expect(await outcome('http://match.example/?animal=dolphin')).toBe('v1');
    expect(await outcome('http://match.example/', '-X', 'DELETE')).toBe('v2');
  });

  it('HTTPRouteListenerHostnameMatching, HTTPRouteHostnameIntersection, GatewayHTTPListenerIsolation: the most specific listener has a host', async () => {
    await cluster().apply([
      route('catch', [], [to('web-v1')], { parent: { sectionName: 'any' } }),
      route('wild', ['a.wild.example', 'else.example'], [to('web-v2')], { parent: { sectionName: 'wild' } }),
    ]);
    await settles(() => outcome('http://a.wild.example/'), 'v2');
    await settles(() => outcome('http://whatever.example/'), 'v1');
    // Of the listener that serves it no route does; those of the other listener do not count.
    expect(await outcome('http://b.wild.example/')).toBe('404');
    expect(await outcome('http://else.example/')).toBe('v1');
    await cluster().delete([route('catch', [], []), route('wild', [], [])]);
    await settles(() => outcome('http://whatever.example/'), '404');
  });

  it('HTTPRouteRedirectHostAndStatus, HTTPRouteRedirectPath, HTTPRouteRedirectPort, HTTPRouteRedirectScheme', async () => {
    const from = (path: string, requestRedirect: object): object => ({
      matches: [{ path: { value: path } }],
      filters: [{ type: 'RequestRedirect', requestRedirect }],
    });
    await cluster().apply([
      route(
        'redirect',
        ['redirect.example'],
        [
          from('/host', { hostname: 'example.org', statusCode: 302 }),
          from('/path', { path: { type: 'ReplacePrefixMatch', replacePrefixMatch: '/new' }, statusCode: 301 }),
          from('/port', { port: 8083 }),
          from('/scheme', { scheme: 'https' }),
        ],
      ),
    ]);
    const location = async (path: string): Promise<string> => {
      const { status, headers } = await ask(`http://redirect.example${path}`);
      return `${status} ${headers['location'] ?? ''}`;
    };
    await settles(() => location('/host'), '302 http://example.org/host');
    expect(await location('/path/x')).toBe('301 http://redirect.example/new/x');
    expect(await location('/port')).toBe('302 http://redirect.example:8083/port');
    expect(await location('/scheme')).toBe('302 https://redirect.example/scheme');
  });

  it('HTTPRouteRequestHeaderModifier, HTTPRouteResponseHeaderModifier, HTTPRouteRewriteHost, HTTPRouteRewritePath', async () => {
    await cluster().apply([
      route(
        'change',
        ['change.example'],
        [
          {
            filters: [
              {
                type: 'RequestHeaderModifier',
                requestHeaderModifier: { set: [{ name: 'x-set', value: 'new' }], remove: ['x-gone'] },
              },
              { type: 'ResponseHeaderModifier', responseHeaderModifier: { add: [{ name: 'x-back', value: 'yes' }] } },
              {
                type: 'URLRewrite',
                urlRewrite: { hostname: 'inside.example', path: { type: 'ReplaceFullPath', replaceFullPath: '/all' } },
              },
            ],
            ...to('web-v1'),
          },
        ],
      ),
    ]);
    await settles(() => outcome('http://change.example/'), 'v1');
    const { seen, headers, path } = await ask('http://change.example/x', '-H', 'x-set: old', '-H', 'x-gone: 1');
    expect({ seen, headers, path }).toMatchObject({
      path: '/all',
      seen: { host: 'inside.example', 'x-set': 'new' },
      headers: { 'x-back': 'yes' },
    });
    expect(seen['x-gone']).toBeUndefined();
  });

  it('HTTPRouteWeight: shares by weight', async () => {
    await cluster().apply([
      route(
        'weight',
        ['weight.example'],
        [
          {
            backendRefs: [
              { name: 'web-v1', port: 80, weight: 4 },
              { name: 'web-v2', port: 80, weight: 1 },
            ],
          },
        ],
      ),
    ]);
    await settles(async () => /^v\d$/.test(await outcome('http://weight.example/')), true);
    const many = [
      'curl',
      '-sS',
      '-o',
      '/dev/null',
      '-w',
      '%header{x-server}\\n',
      '--resolve',
      `weight.example:80:${address}`,
    ];
    const { stdout } = await cluster().exec(CLIENT, [...many, 'http://weight.example/?[1-300]'], { timeoutMs: 60_000 });
    const second = stdout
      .trim()
      .split('\n')
      .filter((name) => name === 'v2').length;
    // Five standard deviations.
    expect(second).toBeGreaterThan(25);
    expect(second).toBeLessThan(95);
  }, 90_000);

  it('HTTPRouteInvalidNonExistentBackendRef, HTTPRouteInvalidBackendRefUnknownKind, HTTPRouteNoBackendRefs: 500, and the condition', async () => {
    await cluster().apply([
      route('gone', ['gone.example'], [to('gone')]),
      route('unknown', ['unknown.example'], [to('web', { group: 'unknown.example', kind: 'Thing' })]),
      route('none', ['none.example'], [{}]),
    ]);
    for (const name of ['gone', 'unknown', 'none']) await settles(() => outcome(`http://${name}.example/`), '500');
    await settles(() => ofRoute('gone', 'ResolvedRefs'), 'BackendNotFound');
    await settles(() => ofRoute('unknown', 'ResolvedRefs'), 'InvalidKind');
  });

  it('HTTPRouteInvalidCrossNamespaceParentRef, HTTPRouteInvalidParentRefNotMatchingSectionName: is not attached', async () => {
    await cluster().apply([
      route('stranger', ['stranger.example'], [to('web-v1')], { parent: { sectionName: 'same' } }),
      route('nowhere', ['nowhere.example'], [to('web-v1')], { parent: { sectionName: 'nowhere' } }),
    ]);
    await settles(() => ofRoute('stranger', 'Accepted'), 'NotAllowedByListeners');
    await settles(() => ofRoute('nowhere', 'Accepted'), 'NoMatchingParent');
    expect(await outcome('http://stranger.example:8080/')).not.toBe('v1');
    expect(await outcome('http://nowhere.example/')).toBe('404');
  });

  const secure = ['--cacert', '/tmp/root.pem'];

  it('HTTPRouteHTTPSListener: ends TLS with the certificate of a Secret, which the client verifies', async () => {
    await cluster().apply([
      route('secure', ['a.secure.example', 'exact.secure.example'], [to('web')], { parent: { port: 443 } }),
    ]);
    await settles(async () => /^v\d$/.test(await outcome('https://a.secure.example/', ...secure)), true);
    expect((await ask('https://a.secure.example/', ...secure)).seen['x-forwarded-proto']).toBe('https');
  });

  it('HTTPRouteHTTPSListenerDetectMisdirectedRequests: 421 for a host that another listener of the port serves', async () => {
    expect(await outcome('https://exact.secure.example/', ...secure)).toMatch(/^v\d$/);
    expect(await outcome('https://a.secure.example/', ...secure, '-H', 'host: exact.secure.example')).toBe('421');
  });

  it('GatewayInvalidTLSConfiguration: a certificate that is missing or broken closes its listener alone', async () => {
    await settles(() => ofListener('broken', 'ResolvedRefs'), 'InvalidCertificateRef');
    await settles(() => ofListener('missing', 'ResolvedRefs'), 'InvalidCertificateRef');
    await cluster().apply([route('bad', ['broken.example', 'missing.example'], [to('web')])]);
    for (const host of ['broken.example', 'missing.example'])
      expect(await outcome(`https://${host}/`, '-k')).toBe('closed');
    expect(await outcome('https://a.secure.example/', ...secure)).toMatch(/^v\d$/);
  });

  it('GatewaySecretMissingReferenceGrant, GatewaySecretReferenceGrantSpecific: a Secret elsewhere is served only with its grant', async () => {
    await settles(() => ofListener('granted', 'ResolvedRefs'), 'RefNotPermitted');
    await cluster().apply([
      route('granted', ['granted.secure.example'], [to('web')], { parent: { sectionName: 'granted' } }),
    ]);
    await cluster().apply([
      object({
        apiVersion: `${API}/v1beta1`,
        kind: 'ReferenceGrant',
        metadata: { name: 'edge', namespace: 'shop' },
        spec: {
          from: [{ group: API, kind: 'Gateway', namespace: 'ingress' }],
          to: [{ group: '', kind: 'Secret', name: 'other' }],
        },
      }),
    ]);
    await settles(async () => /^v\d$/.test(await outcome('https://granted.secure.example/', ...secure)), true);
    await settles(() => ofListener('granted', 'ResolvedRefs'), 'ResolvedRefs');
  });

  it('TLSRouteSimpleSameNamespace: passes TLS through by the name in the handshake', async () => {
    const backend = [{ backendRefs: [{ name: 'inner', port: 8443 }] }];
    await cluster().apply([route('inner', ['inner.tls.example'], backend, { kind: 'TLSRoute' })]);
    await settles(
      async () => (await ask('https://inner.tls.example:8443/', ...secure).catch(() => null))?.status ?? 0,
      200,
    );
    expect(await outcome('https://else.tls.example:8443/', '-k')).toBe('closed');
  });

  it('TCPRoute: carries connections', async () => {
    await cluster().apply([
      route('cache', [], [{ backendRefs: [{ name: 'cache', port: REDIS_PORT }] }], { kind: 'TCPRoute' }),
    ]);
    const ping = async (): Promise<string> =>
      (
        await cluster().exec(CLIENT, ['sh', '-c', `timeout 5 redis-cli -h ${address} --raw incr x 2>&1 || true`])
      ).stdout.trim();
    await settles(async () => /^\d+$/.test(await ping()), true);
  });

  it('reaches pods of the mesh through HBONE as itself, and policies of the pod decide', async () => {
    const only = (account: string): KubeObject =>
      object({
        apiVersion: 'security.istio.io/v1',
        kind: 'AuthorizationPolicy',
        metadata: { name: 'only', namespace: 'shop' },
        spec: {
          selector: { matchLabels: { version: 'v1' } },
          action: 'ALLOW',
          rules: [{ from: [{ source: { principals: [`cluster.local/ns/ingress/sa/${account}`] } }] }],
        },
      });
    await cluster().apply([only('nobody')]);
    await settles(() => outcome('http://web.example/'), '503');
    await cluster().apply([only('edge-istio')]);
    await settles(() => outcome('http://web.example/'), 'v1');
    await cluster().delete([only('edge-istio')]);
  });

  it('an AuthorizationPolicy for the Gateway decides about requests', async () => {
    await cluster().apply([
      object({
        apiVersion: 'security.istio.io/v1',
        kind: 'AuthorizationPolicy',
        metadata: { name: 'edge', namespace: 'ingress' },
        spec: {
          targetRefs: [{ group: API, kind: 'Gateway', name: 'edge' }],
          action: 'DENY',
          rules: [
            { to: [{ operation: { paths: ['/closed'] } }] },
            { from: [{ source: { ipBlocks: ['0.0.0.0/0'] } }], to: [{ operation: { paths: ['/somewhere'] } }] },
            { from: [{ source: { ipBlocks: ['203.0.113.0/24'] } }] },
          ],
        },
      }),
    ]);
    await settles(() => outcome('http://web.example/closed'), '403');
    expect(await outcome('http://web.example/somewhere')).toBe('403');
    expect(await outcome('http://web.example/open')).toBe('v1');
  });

  it('a new certificate is served without a failed request', async () => {
    const serial = async (): Promise<string> => {
      const script = `echo | openssl s_client -connect ${address}:443 -servername a.secure.example 2>/dev/null | openssl x509 -noout -subject`;
      return (await cluster().exec(CLIENT, ['sh', '-c', script])).stdout.trim();
    };
    expect(await serial()).toContain('first');
    // Each request makes a connection of its own.
    const many = ['curl', '-sS', '-o', '/dev/null', '-w', '%{http_code} %{num_connects}\\n', '-H', 'connection: close'];
    const paced = ['--rate', '50/s', '--http1.1', '--resolve', `a.secure.example:443:${address}`, ...secure];
    const load = cluster().exec(CLIENT, [...many, ...paced, 'https://a.secure.example/?[1-200]'], {
      timeoutMs: 60_000,
    });
    await cluster().apply([secret('cert', pki.pem('second'), pki.key('second'))]);
    await settles(async () => (await serial()).includes('second'), true);
    const answers = (await load).stdout.trim().split('\n');
    expect(answers.filter((one) => one !== '200 1')).toEqual([]);
    expect(answers).toHaveLength(200);
  }, 90_000);

  it('20 changes of a route under load fail no request', async () => {
    const host = route('load', [], [to('web-v1')], { parent: { sectionName: 'any' } });
    await cluster().apply([host]);
    await settles(() => outcome('http://load.example/'), 'v1');
    const load = await HttpLoad.start(cluster(), CLIENT, `http://${address}/`, 100);
    for (let i = 0; i < 20; i++)
      await cluster().apply([
        route('load', [], [to(i % 2 === 0 ? 'web-v2' : 'web-v1')], { parent: { sectionName: 'any' } }),
      ]);
    const counts = await load.end();
    expect(counts.failures).toEqual([]);
    expect(counts.ok).toBe(counts.asked);
    expect(Object.keys(counts.byServer).sort()).toEqual(['v1', 'v2']);
  }, 90_000);
});
