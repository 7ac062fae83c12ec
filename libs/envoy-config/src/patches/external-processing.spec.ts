import { createServer, type IncomingHttpHeaders, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { attached, HOST, WEB } from '../testing/custom-mesh.js';
import { ExternalProcessor } from '../testing/external-processor.js';
import { grpcClusterAt } from '../testing/grpc-cluster.js';
import { loadMesh } from '../testing/load-mesh.js';
import { WaypointEnvoy, type Ask } from '../testing/waypoint-envoy.js';

const FILTER = 'envoy.filters.http.ext_proc';
const TYPES = 'type.googleapis.com/envoy.extensions.filters.http.ext_proc.v3';

/** As in docs/extensions.md, but for the address of the server. */
const processing = (port: number, filter: object, perRoute: readonly object[] = []) => ({
  kind: 'EnvoyFilter',
  metadata: { name: 'processing', namespace: 'shop' },
  spec: {
    targetRefs: [{ group: '', kind: 'Service', name: 'web' }],
    configPatches: [
      { applyTo: 'CLUSTER', patch: { operation: 'ADD', value: grpcClusterAt('processor', port) } },
      {
        applyTo: 'HTTP_FILTER',
        patch: {
          operation: 'ADD',
          value: {
            name: FILTER,
            typed_config: {
              '@type': `${TYPES}.ExternalProcessor`,
              grpc_service: { envoy_grpc: { cluster_name: 'processor' } },
              message_timeout: '5s',
              ...filter,
            },
          },
        },
      },
      ...perRoute,
    ],
  },
});

describe('external processing, by EnvoyFilter', () => {
  let envoy: WaypointEnvoy | undefined;
  let web: Server;
  let processor: ExternalProcessor;
  let port = 0;
  let seen: { headers: IncomingHttpHeaders; body: string } | null = null;

  beforeAll(async () => {
    web = createServer((request, response) => {
      let body = '';
      request.on('data', (chunk: Buffer) => (body += chunk.toString()));
      request.on('end', () => {
        seen = { headers: request.headers, body };
        response.end('hello');
      });
    });
    await new Promise<void>((resolve) => web.listen(0, '127.0.0.1', resolve));
  });
  beforeEach(async () => {
    seen = null;
    ({ processor, port } = await ExternalProcessor.start());
  });
  afterEach(async () => {
    await envoy?.stop();
    envoy = undefined;
    processor.stop();
  });
  afterAll(() => {
    web.close();
    web.closeAllConnections();
  });

  const start = async (filter: object = {}, perRoute: readonly object[] = []): Promise<void> => {
    const model = loadMesh([...attached(), processing(port, filter, perRoute)]);
    envoy = await WaypointEnvoy.start(model, { [`${HOST}:80`]: (web.address() as AddressInfo).port });
  };
  const ask = (path: string, more: Partial<Ask> = {}) => envoy!.ask({ address: WEB, path, ...more });

  it('changes headers of requests and answers', async () => {
    await start();
    const { status, headers, body } = await ask('/', { headers: { 'x-user': 'anna', 'x-secret': 'hidden' } });
    expect([status, headers['x-answer'], body]).toEqual([200, 'processed', 'hello']);
    expect([seen?.headers['x-processed'], seen?.headers['x-secret']]).toEqual(['anna', undefined]);
    expect(processor.asked).toEqual(['requestHeaders', 'responseHeaders']);
  });

  it('answers requests by itself, which then do not reach the service', async () => {
    await start();
    const { status, headers, body } = await ask('/stop');
    expect([status, headers['x-reason'], body]).toEqual([418, 'stopped', 'no further']);
    expect(seen).toBeNull();
  });

  it('changes bodies, whole ones', async () => {
    await start({ processing_mode: { request_body_mode: 'BUFFERED', response_body_mode: 'BUFFERED' } });
    const { status, body } = await ask('/', { method: 'POST', body: 'to the server' });
    expect([status, body, seen?.body]).toEqual([200, 'HELLO', 'TO THE SERVER']);
    expect(processor.asked).toEqual(['requestHeaders', 'requestBody', 'responseHeaders', 'responseBody']);
  });

  it('is asked about no more than the mode says', async () => {
    await start({ processing_mode: { request_header_mode: 'SEND', response_header_mode: 'SKIP' } });
    const { status, headers } = await ask('/');
    expect([status, headers['x-answer'], processor.asked]).toEqual([200, undefined, ['requestHeaders']]);
  });

  it('that cannot be asked refuses requests, or lets them pass if it is told to', async () => {
    processor.stop();
    const told = [];
    for (const failure_mode_allow of [false, true]) {
      await start({ failure_mode_allow });
      told.push((await ask('/')).status);
      await envoy!.stop();
    }
    envoy = undefined;
    expect(told).toEqual([500, 200]);
  });

  it('that does not answer is waited for so long, and then is as one that cannot be asked', async () => {
    await start({ message_timeout: '0.2s' });
    expect((await ask('/silent')).status).toBe(504);
    expect(seen).toBeNull();
  });

  it('is off for routes that say so', async () => {
    const off = { [FILTER]: { '@type': `${TYPES}.ExtProcPerRoute`, disabled: true } };
    const free = {
      applyTo: 'HTTP_ROUTE',
      patch: {
        operation: 'INSERT_FIRST',
        value: {
          name: 'free',
          match: { prefix: '/stop/free' },
          route: { cluster: `inbound-vip|80|http|${HOST}` },
          typed_per_filter_config: off,
        },
      },
    };
    await start({}, [free]);
    expect([(await ask('/stop/free')).status, (await ask('/stop')).status]).toEqual([200, 418]);
  });
});
