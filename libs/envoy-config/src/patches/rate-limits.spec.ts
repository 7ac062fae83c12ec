import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { attached, HOST, WEB } from '../testing/custom-mesh.js';
import { grpcClusterAt } from '../testing/grpc-cluster.js';
import { loadMesh } from '../testing/load-mesh.js';
import { RateLimitServer } from '../testing/rate-limit-server.js';
import { WaypointEnvoy } from '../testing/waypoint-envoy.js';

const FILTERS = 'type.googleapis.com/envoy.extensions.filters.http';

/** As in docs/extensions.md, but for the address of the service. */
const limits = (port: number, failClosed: boolean) => ({
  kind: 'EnvoyFilter',
  metadata: { name: 'limits', namespace: 'shop' },
  spec: {
    targetRefs: [{ group: '', kind: 'Service', name: 'web' }],
    configPatches: [
      { applyTo: 'CLUSTER', patch: { operation: 'ADD', value: grpcClusterAt('rate-limits', port) } },
      {
        applyTo: 'HTTP_FILTER',
        patch: {
          operation: 'ADD',
          value: {
            name: 'envoy.filters.http.ratelimit',
            typed_config: {
              '@type': `${FILTERS}.ratelimit.v3.RateLimit`,
              domain: 'shop',
              failure_mode_deny: failClosed,
              timeout: '5s',
              rate_limit_service: {
                transport_api_version: 'V3',
                grpc_service: { envoy_grpc: { cluster_name: 'rate-limits' } },
              },
            },
          },
        },
      },
      {
        applyTo: 'HTTP_ROUTE',
        match: { routeConfiguration: { vhost: { route: { action: 'ROUTE' } } } },
        patch: {
          operation: 'MERGE',
          value: {
            route: {
              rate_limits: [{ actions: [{ request_headers: { header_name: 'x-user', descriptor_key: 'user' } }] }],
            },
          },
        },
      },
    ],
  },
});

describe('limits that proxies share, by a rate limit service', () => {
  const envoys: WaypointEnvoy[] = [];
  let web: Server;
  let limiter: RateLimitServer;
  const start = async (port: number, failClosed = false): Promise<void> => {
    const model = loadMesh([...attached(), limits(port, failClosed)]);
    envoys.push(await WaypointEnvoy.start(model, { [`${HOST}:80`]: (web.address() as AddressInfo).port }));
  };
  const statusOf = async (envoy: number, user?: string): Promise<number> =>
    (await envoys[envoy]!.ask({ address: WEB, ...(user === undefined ? {} : { headers: { 'x-user': user } }) })).status;

  beforeAll(async () => {
    web = createServer((_request, response) => response.end('hello'));
    await new Promise<void>((resolve) => web.listen(0, '127.0.0.1', resolve));
  });
  afterEach(async () => {
    limiter.stop();
    for (const envoy of envoys.splice(0)) await envoy.stop();
  });
  afterAll(() => {
    web.close();
    web.closeAllConnections();
  });

  it('count the requests of each user at all proxies; who names none is free', async () => {
    const { server, port } = await RateLimitServer.start(3);
    limiter = server;
    await start(port);
    await start(port);
    const told = [];
    for (const envoy of [0, 1, 0, 1, 0]) told.push(await statusOf(envoy, 'anna'));
    expect(told).toEqual([200, 200, 200, 429, 429]);
    expect([await statusOf(0, 'bert'), await statusOf(1)]).toEqual([200, 200]);
  });

  it('let requests pass when the service cannot be asked, unless told to refuse', async () => {
    const { server, port } = await RateLimitServer.start(0);
    limiter = server;
    limiter.stop();
    await start(port);
    await start(port, true);
    expect([await statusOf(0, 'anna'), await statusOf(1, 'anna')]).toEqual([200, 500]);
  });
});
