import { GRPC_PORT, HTTP_PORT, TCP_PORT, TLS_PORT } from '../testing/proxy/echo-pod.js';
import { istio, type ServicePort } from '../testing/proxy/mesh-objects.js';
import { useWaypoint } from '../testing/waypoint/use-waypoint.js';

const { rig, ruled, expectAnswers, shares } = useWaypoint();

const servers = async (echo: string, headers: readonly Record<string, string>[], path = '/'): Promise<string[]> => {
  const seen = new Set<string>();
  for (const one of headers) seen.add((await rig().ask(echo, { headers: one, path })).server);
  return [...seen].sort();
};
const times = <T>(count: number, value: (i: number) => T): T[] => Array.from({ length: count }, (_, i) => value(i));
const ALL = ['v1', 'v2', 'v3'];
/** So long that requests of the same moment are under way together, on a busy machine too. */
const LONG = '/delay/2000';

describe('a DestinationRule at a waypoint: who gets a request', () => {
  it('ROUND_ROBIN: each in turn', async () => {
    const { echo } = await ruled({ loadBalancer: { simple: 'ROUND_ROBIN' } });
    await expectAnswers(echo, [['/', 200]]);
    expect(await shares(echo, 30)).toEqual({ v1: 10, v2: 10, v3: 10 });
  });

  it.each(['RANDOM', 'LEAST_REQUEST'])('%s: all of them', async (simple) => {
    const { echo } = await ruled({ loadBalancer: { simple } });
    await expectAnswers(echo, [['/', 200]]);
    expect(Object.keys(await shares(echo, 60)).sort()).toEqual(ALL);
  });

  it('consistentHash by header: one value one server, many values all servers; with Maglev, too', async () => {
    for (const table of [{}, { maglev: { tableSize: 251 } }]) {
      const { echo } = await ruled({ loadBalancer: { consistentHash: { httpHeaderName: 'x-user', ...table } } });
      await expectAnswers(echo, [['/', 200]]);
      expect(
        await servers(
          echo,
          times(20, () => ({ 'x-user': 'one' })),
        ),
      ).toHaveLength(1);
      expect(
        await servers(
          echo,
          times(60, (i) => ({ 'x-user': `user-${i}` })),
        ),
      ).toEqual(ALL);
    }
  });

  it('consistentHash by query parameter, and by the address of the client', async () => {
    const byQuery = await ruled({ loadBalancer: { consistentHash: { httpQueryParameterName: 'user' } } });
    await expectAnswers(byQuery.echo, [['/', 200]]);
    expect(
      await servers(
        byQuery.echo,
        times(20, () => ({})),
        '/?user=one',
      ),
    ).toHaveLength(1);
    const byAddress = await ruled({ loadBalancer: { consistentHash: { useSourceIp: true } } });
    await expectAnswers(byAddress.echo, [['/', 200]]);
    expect(
      await servers(
        byAddress.echo,
        times(20, () => ({})),
      ),
    ).toHaveLength(1);
  });

  it('consistentHash by cookie: one is made for who has none', async () => {
    const httpCookie = { name: 'user', ttl: '60s', path: '/' };
    const { echo } = await ruled({ loadBalancer: { consistentHash: { httpCookie } } });
    await expectAnswers(echo, [['/', 200]]);
    const { server, headers } = await rig().ask(echo);
    const [made = ''] = headers['set-cookie'] ?? [];
    expect(made).toMatch(/^user="?\w+"?; Max-Age=60; Path=\/; HttpOnly/);
    const cookie = made.split(';')[0]!;
    expect(
      await servers(
        echo,
        times(20, () => ({ cookie })),
      ),
    ).toEqual([server]);
  });

  it('subsets: by labels, with a policy of their own', async () => {
    const subsets = [
      { name: 'one', labels: { version: 'v1' } },
      { name: 'rest', labels: { app: 'echo' }, trafficPolicy: { loadBalancer: { simple: 'ROUND_ROBIN' } } },
    ];
    const { name, echo } = await ruled({ loadBalancer: { simple: 'RANDOM' } }, { subsets });
    const to = (subset: string) => [{ destination: { host: name, subset } }];
    await rig().apply(
      istio('VirtualService', name, {
        hosts: [name],
        http: [
          { match: [{ uri: { prefix: '/one' } }], rewrite: { uri: '/of-one' }, route: to('one') },
          { route: to('rest') },
        ],
      }),
    );
    // Only the new rules rewrite: by the general policy, too, v1 would answer now and then.
    await expectAnswers(echo, [['/one', { server: 'v1', path: '/of-one' }]]);
    expect(await shares(echo, 6, '/one')).toEqual({ v1: 6 });
    expect(await shares(echo, 30)).toEqual({ v1: 10, v2: 10, v3: 10 });
  });

  it('portLevelSettings: in place of the rest, for their port', async () => {
    const { ip } = await ruled({
      loadBalancer: { consistentHash: { httpHeaderName: 'x-user' } },
      portLevelSettings: [{ port: { number: 8080 }, loadBalancer: { simple: 'ROUND_ROBIN' } }],
    });
    await expectAnswers(`${ip}:80`, [['/', 200]]);
    await expectAnswers(`${ip}:8080`, [['/', 200]]);
    const same = times(20, () => ({ 'x-user': 'one' }));
    expect(await servers(`${ip}:80`, same)).toHaveLength(1);
    expect(await servers(`${ip}:8080`, same)).toEqual(ALL);
  });
});

describe('a DestinationRule at a waypoint: limits (S-32)', () => {
  it('connectionPool: what is too much at once is answered 503 by the waypoint, and it goes on', async () => {
    const { echo } = await ruled({
      connectionPool: { tcp: { maxConnections: 1 }, http: { http1MaxPendingRequests: 1 } },
    });
    await expectAnswers(echo, [['/', 200]]);
    const answers = await Promise.all(times(6, () => rig().ask(echo, { path: LONG })));
    const refused = answers.filter(({ status }) => status === 503);
    expect(refused.length).toBeGreaterThanOrEqual(1);
    for (const { server, headers } of refused) expect([server, headers['x-envoy-overloaded']]).toEqual(['', 'true']);
    expect(answers.some(({ status }) => status === 200)).toBe(true);
    expect((await rig().ask(echo)).status).toBe(200);
  });

  it('http2MaxRequests: the same for requests under way', async () => {
    const { echo } = await ruled({ connectionPool: { http: { http2MaxRequests: 2 } } });
    await expectAnswers(echo, [['/', 200]]);
    const answers = await Promise.all(times(6, () => rig().ask(echo, { path: LONG })));
    expect(answers.filter(({ status }) => status === 200).length).toBeLessThan(6);
  });

  it('outlierDetection: a server that fails gets no requests for a while', async () => {
    const { name, echo } = await ruled({
      loadBalancer: { simple: 'ROUND_ROBIN' },
      outlierDetection: { consecutive5xxErrors: 1, interval: '0.1s', baseEjectionTime: '60s', maxEjectionPercent: 100 },
    });
    await rig().apply(
      istio('VirtualService', name, {
        hosts: [name],
        http: [{ retries: { attempts: 0 }, route: [{ destination: { host: name, port: { number: 80 } } }] }],
      }),
    );
    await expectAnswers(echo, [['/', 200]]);
    const { server } = await rig().ask(echo, { path: '/status/500' });
    await rig().settles(
      async () => Object.keys(await shares(echo, 12)).sort(),
      ALL.filter((one) => one !== server),
    );
    // When all are out there is nobody: no panic.
    await rig().settles(async () => {
      await rig().ask(echo, { path: '/status/500' });
      return (await rig().ask(echo)).status;
    }, 503);
  });

  it('maxRequestsPerConnection and idleTimeout: connections to servers end', async () => {
    const http = { maxRequestsPerConnection: 1, idleTimeout: '1s' };
    const { echo, name } = await ruled({ connectionPool: { http } });
    await expectAnswers(echo, [['/', 200]]);
    await shares(echo, 5);
    const active = async () =>
      /upstream_cx_active: (\d+)/.exec(
        await rig().envoy.admin(`/stats?filter=inbound-vip.80.http.${name}.*upstream_cx_active`),
      )?.[1];
    await rig().settles(active, '0');
  });
});

describe('a DestinationRule at a waypoint: how a server is spoken to', () => {
  const port = (name: string, targetPort: number): readonly ServicePort[] => [{ name, port: 80, targetPort }];

  it('h2UpgradePolicy: HTTP/2 to a server of a port that is declared as HTTP', async () => {
    const { echo } = await ruled(
      { connectionPool: { http: { h2UpgradePolicy: 'UPGRADE' } } },
      {},
      port('http', GRPC_PORT),
    );
    await rig().settles(async () => (await rig().call(echo, '/test.Echo/Say')).code, 0);
    const without = await ruled({ loadBalancer: { simple: 'RANDOM' } }, {}, port('http', GRPC_PORT));
    expect((await rig().call(without.echo, '/test.Echo/Say')).code).not.toBe(0);
  });

  it('useClientProtocol: as the client speaks', async () => {
    const { echo } = await ruled(
      { connectionPool: { http: { useClientProtocol: true } } },
      {},
      port('http', GRPC_PORT),
    );
    await rig().settles(async () => (await rig().call(echo, '/test.Echo/Say')).code, 0);
  });

  it('tls SIMPLE: to a server that wants it, verified unless it says otherwise', async () => {
    const tls = { mode: 'SIMPLE', insecureSkipVerify: true };
    const { echo } = await ruled({ tls }, {}, port('tcp', TLS_PORT));
    await rig().settles(async () => ALL.includes((await rig().read(echo)) ?? ''), true);
    const strict = await ruled({ tls: { mode: 'SIMPLE' } }, {}, port('tcp', TLS_PORT));
    expect(await rig().read(strict.echo)).toBeNull();
  });

  it('tls off: DISABLE and ISTIO_MUTUAL add nothing to what the mesh does', async () => {
    for (const mode of ['DISABLE', 'ISTIO_MUTUAL']) {
      const { echo } = await ruled({ tls: { mode } }, {}, port('tcp', TCP_PORT));
      await rig().settles(async () => ALL.includes((await rig().read(echo)) ?? ''), true);
    }
  });

  it('proxyProtocol: the server is told first who the client is', async () => {
    const { echo } = await ruled({ proxyProtocol: { version: 'V1' } }, {}, port('tcp', TCP_PORT));
    await rig().settles(async () => ALL.includes((await rig().read(echo)) ?? ''), true);
    expect(ALL.map((name) => rig().pod(name).input).join('')).toMatch(/PROXY TCP4 10\.\d+\.\d+\.1 /);
  });

  it('tunnel: the server is a proxy, which is asked for a connection', async () => {
    const { echo } = await ruled(
      { tunnel: { targetHost: 'far.example.com', targetPort: 443 } },
      {},
      port('tcp', HTTP_PORT),
    );
    await rig().settles(async () => /^v\d to far\.example\.com:443$/.test((await rig().read(echo)) ?? ''), true);
  });
});
