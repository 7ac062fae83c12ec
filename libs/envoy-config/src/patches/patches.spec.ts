import type { IncomingHttpHeaders } from 'node:http';
import { attached, HOST, WEB } from '../testing/custom-mesh.js';
import { loadMesh } from '../testing/load-mesh.js';
import { useWebServer } from '../testing/web-server.js';
import { WaypointEnvoy, type Told } from '../testing/waypoint-envoy.js';

const TYPE = 'type.googleapis.com/envoy.extensions.filters.http';
const HCM = 'envoy.filters.network.http_connection_manager';
const GATEWAY = [{ group: 'gateway.networking.k8s.io', kind: 'Gateway', name: 'wp' }];
const SERVICE = [{ group: '', kind: 'Service', name: 'web' }];

const envoyFilter = (name: string, configPatches: readonly object[], more: object = {}, namespace = 'shop') => ({
  kind: 'EnvoyFilter',
  metadata: { name, namespace },
  spec: { targetRefs: GATEWAY, configPatches, ...more },
});
const before = (subFilter: string) => ({
  listener: { filterChain: { filter: { name: HCM, subFilter: { name: subFilter } } } },
});
const httpFilter = (
  name: string,
  typed: object,
  operation = 'INSERT_BEFORE',
  match: object = before('envoy.filters.http.router'),
) => ({
  applyTo: 'HTTP_FILTER',
  match,
  patch: { operation, value: { name, typed_config: typed } },
});
const lua = (code: string) => ({ '@type': `${TYPE}.lua.v3.Lua`, default_source_code: { inline_string: code } });
const append = (letter: string): string =>
  `function envoy_on_request(handle)
     handle:headers():replace("x-order", (handle:headers():get("x-order") or "") .. "${letter}")
   end`;
const extension = (name: string, code: string, more: object = {}) => ({
  kind: 'TrafficExtension',
  metadata: { name, namespace: 'shop' },
  spec: { targetRefs: SERVICE, lua: { inlineCode: code }, ...more },
});
const bucket = (tokens: number) => ({
  '@type': `${TYPE}.local_ratelimit.v3.LocalRateLimit`,
  stat_prefix: 'limit',
  token_bucket: { max_tokens: tokens, tokens_per_fill: tokens, fill_interval: '3600s' },
  filter_enabled: { default_value: { numerator: 100, denominator: 'HUNDRED' } },
  filter_enforced: { default_value: { numerator: 100, denominator: 'HUNDRED' } },
});
const route = (operation: string, value: object, match: object = {}) => ({
  applyTo: 'HTTP_ROUTE',
  match: { routeConfiguration: { vhost: { route: match } } },
  patch: { operation, value },
});
const answer = (path: string, status: number) => ({
  name: `own ${path}`,
  match: { prefix: path },
  direct_response: { status },
});

describe('patches, by a real Envoy', () => {
  let seen: IncomingHttpHeaders = {};
  const webPort = useWebServer((request, response) => {
    seen = request.headers;
    request.resume();
    request.on('end', () => response.end('hello'));
  });
  let envoy: WaypointEnvoy | undefined;
  const start = async (...objects: readonly object[]) => {
    const model = loadMesh([...attached(), ...objects]);
    envoy = await WaypointEnvoy.start(model, { [`${HOST}:80`]: webPort() });
    return Object.fromEntries(
      [...model.statuses.values()].map(({ name, condition }) => [name, condition?.message ?? null]),
    );
  };
  const get = (path = '/', more: object = {}): Promise<Told> => envoy!.ask({ address: WEB, path, ...more });
  const statusOf = async (path: string): Promise<number> => (await get(path)).status;

  afterEach(async () => {
    await envoy?.stop();
    envoy = undefined;
  });

  it('filters go where they are put: the lowest priority first, extensions before EnvoyFilters', async () => {
    await start(
      envoyFilter('late', [httpFilter('c', lua(append('c')))], { priority: 5 }),
      envoyFilter('early', [httpFilter('b', lua(append('b')))], { priority: -5 }),
      envoyFilter('first', [httpFilter('a', lua(append('a')), 'INSERT_FIRST', {})]),
      envoyFilter('after', [httpFilter('d', lua(append('d')), 'INSERT_AFTER', before('c'))], { priority: 9 }),
      envoyFilter(
        'root',
        [httpFilter('e', lua(append('e')), 'ADD', {})],
        { targetRefs: [], priority: 10 },
        'istio-system',
      ),
      envoyFilter('elsewhere', [httpFilter('x', lua(append('x')))], { targetRefs: [] }, 'other'),
      extension('low', append('2'), { priority: 1 }),
      extension('high', append('1'), { priority: 2 }),
      extension('tokens', append('0'), { phase: 'AUTHN' }),
      extension('other-port', append('x'), { match: [{ ports: [{ number: 81 }] }] }),
      extension('clients', append('x'), { match: [{ mode: 'CLIENT' }] }),
    );
    expect(await statusOf('/')).toBe(200);
    expect(seen['x-order']).toBe('a012bcde');
  });

  it('an extension changes answers, too', async () => {
    const code = 'function envoy_on_response(handle) handle:headers():add("x-lua", "yes") end';
    await start(extension('answers', code, { match: [{ mode: 'SERVER', ports: [{ number: 80 }] }] }));
    expect((await get()).headers['x-lua']).toBe('yes');
  });

  it('filters merge with the one that is there, are replaced and removed; the last one stays', async () => {
    const filter = (operation: string, name: string, typed?: object) => ({
      applyTo: 'HTTP_FILTER',
      match: before(name),
      patch: { operation, ...(typed === undefined ? {} : { value: { name, typed_config: typed } }) },
    });
    await start(
      envoyFilter('all', [
        httpFilter('one', lua(append('1'))),
        httpFilter('two', lua(append('2'))),
        httpFilter('three', lua(append('3'))),
        filter('REMOVE', 'one'),
        filter('REPLACE', 'two', lua(append('r'))),
        filter('MERGE', 'three', {
          '@type': `${TYPE}.lua.v3.Lua`,
          default_source_code: { inline_string: append('m') },
        }),
        filter('REMOVE', 'envoy.filters.http.router'),
        {
          applyTo: 'NETWORK_FILTER',
          match: { listener: { filterChain: { filter: { name: HCM } } } },
          patch: {
            operation: 'MERGE',
            value: {
              name: HCM,
              typed_config: {
                '@type': `type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager`,
                server_name: 'patched',
              },
            },
          },
        },
      ]),
    );
    const { status, headers } = await get();
    expect([status, headers['server'], seen['x-order']]).toEqual([200, 'patched', 'rm']);
  });

  it('routes are added, put in front, changed and removed', async () => {
    const httpRoute = {
      kind: 'HTTPRoute',
      metadata: { name: 'paths', namespace: 'shop' },
      spec: {
        parentRefs: [{ group: '', kind: 'Service', name: 'web' }],
        rules: [{ matches: [{ path: { type: 'PathPrefix', value: '/' } }], backendRefs: [{ name: 'web', port: 80 }] }],
      },
    };
    await start(
      httpRoute,
      envoyFilter('routes', [
        route('INSERT_FIRST', answer('/first', 418)),
        route('INSERT_FIRST', answer('/gone', 418)),
        route('ADD', answer('/first', 410)),
        {
          applyTo: 'HTTP_ROUTE',
          match: { routeConfiguration: { vhost: { route: { name: 'own /gone' } } } },
          patch: { operation: 'REMOVE' },
        },
        route(
          'MERGE',
          { request_headers_to_add: [{ header: { key: 'x-merged', value: 'yes' } }] },
          { action: 'ROUTE' },
        ),
        {
          applyTo: 'VIRTUAL_HOST',
          match: { routeConfiguration: { vhost: { name: 'inbound|http|80' } } },
          patch: {
            operation: 'MERGE',
            value: { response_headers_to_add: [{ header: { key: 'x-host', value: 'yes' } }] },
          },
        },
        {
          applyTo: 'ROUTE_CONFIGURATION',
          match: { routeConfiguration: { portNumber: 80 } },
          patch: {
            operation: 'MERGE',
            value: { response_headers_to_add: [{ header: { key: 'x-routes', value: 'yes' } }] },
          },
        },
        {
          applyTo: 'ROUTE_CONFIGURATION',
          match: { routeConfiguration: { portNumber: 81 } },
          patch: {
            operation: 'MERGE',
            value: { response_headers_to_add: [{ header: { key: 'x-other', value: 'yes' } }] },
          },
        },
      ]),
    );
    expect([await statusOf('/first'), await statusOf('/gone')]).toEqual([418, 200]);
    const { headers } = await get();
    expect([headers['x-host'], headers['x-routes'], headers['x-other']]).toEqual(['yes', 'yes', undefined]);
    expect(seen['x-merged']).toBe('yes');
  });

  it('clusters merge, and others are added for patches to send to', async () => {
    const port = webPort();
    await start(
      envoyFilter('clusters', [
        {
          applyTo: 'CLUSTER',
          match: { cluster: { service: HOST, portNumber: 80 } },
          patch: {
            operation: 'MERGE',
            value: { alt_stat_name: 'patched', name: 'ignored' },
          },
        },
        {
          applyTo: 'CLUSTER',
          patch: {
            operation: 'ADD',
            value: {
              name: 'mine',
              type: 'STATIC',
              load_assignment: {
                cluster_name: 'mine',
                endpoints: [
                  {
                    lb_endpoints: [
                      { endpoint: { address: { socket_address: { address: '127.0.0.1', port_value: port } } } },
                    ],
                  },
                ],
              },
            },
          },
        },
        { applyTo: 'CLUSTER', patch: { operation: 'ADD', value: { name: 'encap', type: 'STATIC' } } },
        route('INSERT_FIRST', { name: 'mine', match: { prefix: '/mine' }, route: { cluster: 'mine' } }),
      ]),
    );
    expect([await statusOf('/'), await statusOf('/mine')]).toEqual([200, 200]);
    const stats = await envoy!.envoy.admin('/stats?filter=upstream_rq_2xx');
    expect(stats).toContain('cluster.patched.upstream_rq_2xx: 1');
    expect(stats).toContain('cluster.mine.upstream_rq_2xx: 1');
  });

  it('requests above a local limit are refused, route by route', async () => {
    const off = { '@type': `${TYPE}.local_ratelimit.v3.LocalRateLimit`, stat_prefix: 'off' };
    await start(
      envoyFilter(
        'limit',
        [
          httpFilter('envoy.filters.http.local_ratelimit', off),
          route('INSERT_FIRST', {
            name: 'limited',
            match: { prefix: '/limited' },
            route: { cluster: `inbound-vip|80|http|${HOST}` },
            typed_per_filter_config: { 'envoy.filters.http.local_ratelimit': bucket(2) },
          }),
        ],
        { targetRefs: SERVICE },
      ),
    );
    const told = [];
    for (const path of ['/limited', '/limited', '/limited', '/free', '/free', '/free']) told.push(await statusOf(path));
    expect(told).toEqual([200, 200, 429, 200, 200, 200]);
  });

  it('a local limit may be for all routes that lead on', async () => {
    const name = 'envoy.filters.http.local_ratelimit';
    const off = { '@type': `${TYPE}.local_ratelimit.v3.LocalRateLimit`, stat_prefix: 'off' };
    const limit = { typed_per_filter_config: { [name]: bucket(1) } };
    await start(
      envoyFilter('limit', [httpFilter(name, off, 'ADD', {}), route('MERGE', limit, { action: 'ROUTE' })], {
        targetRefs: [],
      }),
    );
    expect([await statusOf('/'), await statusOf('/')]).toEqual([200, 429]);
  });

  it('configurations that the mesh does not know reach Envoy as they are', async () => {
    const typed = { '@type': `${TYPE}.buffer.v3.Buffer`, max_request_bytes: 5 };
    await start(envoyFilter('buffer', [httpFilter('envoy.filters.http.buffer', typed)]));
    expect((await get('/', { method: 'POST', body: 'five5' })).status).toBe(200);
    expect((await get('/', { method: 'POST', body: 'more than five' })).status).toBe(413);
  });

  it('what is wrong in one patch is told, and leaves that patch out alone', async () => {
    const told = await start(
      envoyFilter('broken', [
        { applyTo: 'CLUSTER' },
        httpFilter('bad', { '@type': `${TYPE}.lua.v3.Lua`, code: 'x' }),
        { applyTo: 'BOOTSTRAP', patch: { operation: 'MERGE', value: {} } },
        { applyTo: 'CLUSTER', patch: { operation: 'INSERT_FIRST', value: { name: 'x' } } },
        httpFilter('proxy', lua(append('x')), 'ADD', { proxy: { proxyVersion: '^1' } }),
        httpFilter('good', lua(append('g'))),
      ]),
      envoyFilter('selects', [httpFilter('x', lua(append('x')))], {
        targetRefs: undefined,
        workloadSelector: { labels: { app: 'web' } },
      }),
      extension('right', append('e')),
    );
    expect(await statusOf('/')).toBe(200);
    expect(seen['x-order']).toBe('eg');
    const { broken, ...others } = told;
    for (const part of [
      'spec.configPatches[1].patch.value: ',
      'key "code" is unknown; write it as envoy.extensions.filters.network.http_connection_manager.v3.HttpFilter',
      'spec.configPatches[2].applyTo: BOOTSTRAP cannot be patched in waypoints; use one of CLUSTER, ',
      'spec.configPatches[3].patch.operation: INSERT_FIRST does not fit applyTo CLUSTER; use one of ADD, REMOVE, MERGE',
      'spec.configPatches[4].match.proxy: is not known of waypoints; choose waypoints by targetRefs',
    ])
      expect(broken).toContain(part);
    expect(others).toEqual({ selects: null, right: null });
  });
});
