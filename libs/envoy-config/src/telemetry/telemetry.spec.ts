import { createServer, type Server } from 'node:http';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Server as GrpcServer, ServerCredentials } from '@grpc/grpc-js';
import { until } from '@weft/testing-fixtures';
import { attached, HOST, WEB } from '../testing/custom-mesh.js';
import { loadMesh } from '../testing/load-mesh.js';
import { WaypointEnvoy } from '../testing/waypoint-envoy.js';

const collector = (port: number, more: object = {}) => ({ service: 'collector.shop.svc.cluster.local', port, ...more });
const EXPORT = '/opentelemetry.proto.collector.logs.v1.LogsService/Export';

describe('a Telemetry, by a real Envoy', () => {
  const folder = mkdtempSync(join(tmpdir(), 'weft-telemetry-'));
  const file = join(folder, 'access.log');
  const spans: string[] = [];
  const logs: string[] = [];
  let web: Server;
  let zipkin: Server;
  let otel: GrpcServer;
  let otelPort = 0;
  let envoy: WaypointEnvoy | undefined;
  const portOf = (server: Server): number => (server.address() as AddressInfo).port;
  const listening = (server: Server) =>
    new Promise<Server>((resolve) => server.listen(0, '127.0.0.1', () => resolve(server)));

  const mesh = (spec: object, more: readonly object[] = []): readonly object[] => [
    ...attached(),
    {
      kind: 'ConfigMap',
      metadata: { name: 'istio', namespace: 'istio-system' },
      data: {
        mesh: JSON.stringify({
          extensionProviders: [
            { name: 'spans', zipkin: collector(9411) },
            { name: 'otel', opentelemetry: collector(9411, { http: { path: '/v1/traces' } }) },
            {
              name: 'otlp',
              envoyOtelAls: collector(4317, { logFormat: { text: 'otlp %REQ(:PATH)%', labels: { a: 'b' } } }),
            },
            { name: 'lines', envoyFileAccessLog: { path: file, logFormat: { labels: { path: '%REQ(:PATH)%' } } } },
            { name: 'gone', envoyOtelAls: { service: 'gone.shop.svc.cluster.local', port: 1 } },
          ],
        }),
      },
    },
    {
      kind: 'Service',
      metadata: { name: 'collector', namespace: 'shop', labels: { 'istio.io/use-waypoint': 'none' } },
      spec: {
        clusterIP: '10.96.0.2',
        ports: [
          { name: 'http', port: 9411 },
          { name: 'grpc', port: 4317 },
        ],
      },
    },
    { kind: 'Telemetry', metadata: { name: 'mesh', namespace: 'istio-system' }, spec },
    ...more,
  ];
  const start = async (objects: readonly object[]): Promise<WaypointEnvoy> => {
    envoy = await WaypointEnvoy.start(loadMesh(objects), {
      [`${HOST}:80`]: portOf(web),
      'collector.shop.svc.cluster.local:9411': portOf(zipkin),
      'collector.shop.svc.cluster.local:4317': otelPort,
    });
    return envoy;
  };
  const get = (path: string, headers: Record<string, string> = {}) =>
    envoy!.ask({ address: WEB, path, headers, identity: 'spiffe://cluster.local/ns/shop/sa/client' });

  beforeAll(async () => {
    web = await listening(createServer((_request, response) => response.end('hello')));
    zipkin = await listening(
      createServer((request, response) => {
        request.on('data', (chunk: Buffer) => spans.push(chunk.toString()));
        request.on('end', () => response.writeHead(202).end());
      }),
    );
    otel = new GrpcServer();
    const raw = (bytes: Buffer): Buffer => bytes;
    const method = { path: EXPORT, requestStream: false, responseStream: false } as const;
    const codec = { requestSerialize: raw, requestDeserialize: raw, responseSerialize: raw, responseDeserialize: raw };
    otel.addService(
      { Export: { ...method, ...codec } },
      {
        Export: (call: { request: Buffer }, answer: (error: null, response: Buffer) => void) => {
          logs.push(call.request.toString('latin1'));
          answer(null, Buffer.alloc(0));
        },
      },
    );
    otelPort = await new Promise<number>((resolve, reject) =>
      otel.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, port) =>
        error === null ? resolve(port) : reject(error),
      ),
    );
  });
  afterEach(async () => {
    await envoy?.stop();
    envoy = undefined;
  });
  afterAll(() => {
    for (const server of [web, zipkin]) {
      server.close();
      server.closeAllConnections();
    }
    otel.forceShutdown();
    rmSync(folder, { recursive: true });
  });

  it('logs to files and by OTLP, what its expression says; a provider without a service is left out', async () => {
    const providers = [{ name: 'lines' }, { name: 'otlp' }, { name: 'gone' }];
    await start(mesh({ accessLogging: [{ providers, filter: { expression: "request.path.startsWith('/log')" } }] }));
    await get('/quiet');
    expect((await get('/logged')).status).toBe(200);
    await until(() => logs.some((entry) => entry.includes('otlp /logged')), 'the entry has come by OTLP');
    expect(logs.join('')).not.toContain('/quiet');
    await envoy!.envoy.admin('/reopen_logs').catch(() => '');
    await until(() => readFileSync(file, 'utf8') !== '', 'the line is in the file');
    expect(readFileSync(file, 'utf8')).toBe('{"path":"/logged"}\n');
  });

  it('makes spans, with tags of its own', async () => {
    const customTags = {
      team: { header: { name: 'x-team', defaultValue: 'none' } },
      kind: { literal: { value: 'test' } },
    };
    const tracing = [{ providers: [{ name: 'spans' }], randomSamplingPercentage: 100, customTags }];
    await start(mesh({ tracing }));
    await get('/traced', { 'x-team': 'blue' });
    await until(() => spans.some((one) => one.includes('/traced')), 'the span has come');
    const [span] = JSON.parse(spans.find((one) => one.includes('/traced'))!) as { tags: Record<string, string> }[];
    expect(span!.tags).toMatchObject({
      team: 'blue',
      kind: 'test',
      'istio.namespace': 'shop',
      'http.status_code': '200',
    });
  });

  it('makes spans by OpenTelemetry, for the share of requests that it says', async () => {
    const own = (percent: number) => [{ providers: [{ name: 'otel' }], randomSamplingPercentage: percent }];
    await start(mesh({ tracing: own(0) }));
    await get('/unsampled');
    await envoy!.stop();
    await start(mesh({ tracing: own(100) }));
    await get('/by-otel');
    await until(() => spans.some((one) => one.includes('/by-otel')), 'the span has come');
    expect(spans.find((one) => one.includes('/by-otel'))).toContain('wp.shop');
    expect(spans.join('')).not.toContain('/unsampled');
  });

  it('changes metrics: one is not made, a tag goes, and one comes from an expression', async () => {
    const overrides = [
      { match: { metric: 'REQUEST_SIZE' }, disabled: true },
      {
        match: { metric: 'REQUEST_COUNT' },
        tagOverrides: { response_flags: { operation: 'REMOVE' }, method: { value: 'request.method' } },
      },
    ];
    await start(mesh({ metrics: [{ providers: [{ name: 'prometheus' }], overrides }] }));
    await get('/counted');
    let page = '';
    await until(
      async () => (page = await envoy!.envoy.admin('/stats/prometheus')).includes('istio_requests_total'),
      'the request is counted',
      15_000,
    );
    const [line = ''] = page.split('\n').filter((one) => one.includes('istio_requests_total{'));
    expect(line).toContain('method="GET"');
    expect(line).not.toContain('response_flags');
    expect(page).not.toContain('istio_request_bytes');
    expect(page).toContain('istio_response_bytes');
  });

  it('of a service wins over that of the mesh', async () => {
    const own = {
      kind: 'Telemetry',
      metadata: { name: 'own', namespace: 'shop' },
      spec: {
        targetRefs: [{ group: '', kind: 'Service', name: 'web' }],
        metrics: [{ overrides: [{ match: { metric: 'REQUEST_COUNT' }, disabled: true }] }],
        accessLogging: [{ disabled: true }],
      },
    };
    const before = readFileSync(file, 'utf8');
    await start(mesh({ accessLogging: [{ providers: [{ name: 'lines' }] }] }, [own]));
    await get('/off');
    let page = '';
    await until(
      async () => (page = await envoy!.envoy.admin('/stats/prometheus')).includes('istio_response_bytes'),
      'the request is measured',
      15_000,
    );
    expect(page).not.toContain('istio_requests_total');
    expect(readFileSync(file, 'utf8')).toBe(before);
  });
});
