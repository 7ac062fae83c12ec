import { createServer, type Server } from 'node:http';
import { connect } from 'node:http2';
import { createServer as createTcpServer, type AddressInfo, type Server as TcpServer } from 'node:net';
import { Server as GrpcServer, ServerCredentials, type ServerDuplexStream } from '@grpc/grpc-js';
import { until } from '@weft/testing-fixtures';
import { attached, HOST, WEB } from '../testing/custom-mesh.js';
import { loadMesh } from '../testing/load-mesh.js';
import { WaypointEnvoy } from '../testing/waypoint-envoy.js';

type Labels = Readonly<Record<string, string>>;

const BAGGAGE =
  'k8s.cluster.name=west,k8s.namespace.name=front,k8s.deployment.name=client,service.name=portal,service.version=v7';
const CLIENT = 'spiffe://cluster.local/ns/front/sa/client';

const PORTS = [
  { name: 'http', port: 80 },
  { name: 'grpc', port: 81 },
  { name: 'tcp', port: 82 },
  { name: 'http-away', port: 83 },
];

/** A pod of a Deployment behind the service. */
const mesh = () =>
  loadMesh([
    ...attached().slice(0, 2),
    {
      kind: 'Service',
      metadata: { name: 'web', namespace: 'shop' },
      spec: { clusterIP: WEB, selector: { app: 'web' }, ports: PORTS },
    },
    {
      kind: 'Pod',
      metadata: {
        name: 'web-5d8f7c9b6d-abcde',
        namespace: 'shop',
        labels: { app: 'web', version: 'v2', 'pod-template-hash': '5d8f7c9b6d' },
        ownerReferences: [{ kind: 'ReplicaSet', name: 'web-5d8f7c9b6d', controller: true }],
      },
      spec: { nodeName: 'n1', serviceAccountName: 'web', containers: [{}] },
      status: { phase: 'Running', podIP: '10.1.0.1', conditions: [{ type: 'Ready', status: 'True' }] },
    },
  ]);

const SOURCE: Labels = {
  source_workload: 'client',
  source_workload_namespace: 'front',
  source_principal: CLIENT,
  source_app: 'portal',
  source_version: 'v7',
  source_canonical_service: 'portal',
  source_canonical_revision: 'v7',
  source_cluster: 'west',
};
const DESTINATION: Labels = {
  destination_workload: 'web',
  destination_workload_namespace: 'shop',
  destination_principal: 'spiffe://cluster.local/ns/shop/sa/web',
  destination_app: 'web',
  destination_version: 'v2',
  destination_canonical_service: 'web',
  destination_canonical_revision: 'v2',
  destination_cluster: 'Kubernetes',
};
const SERVICE: Labels = {
  destination_service: HOST,
  destination_service_name: 'web',
  destination_service_namespace: 'shop',
};
const COMMON: Labels = { reporter: 'waypoint', connection_security_policy: 'mutual_tls', response_flags: '-' };
const HTTP: Labels = { ...COMMON, request_protocol: 'http', response_code: '200', grpc_response_status: '' };
/** As Envoy writes it; the proxy agent makes "unknown" of both. */
const none = (labels: Labels, as: '-' | ''): Labels =>
  Object.fromEntries(Object.keys(labels).map((name) => [name, as]));

/** Samples of a page, by name; `envoy_` is what the proxy agent takes away. */
function samples(page: string, name: string): readonly { readonly labels: Labels; readonly value: number }[] {
  return page.split('\n').flatMap((line) => {
    const [, found, labels = '', value] = /^(\w+)\{(.*)\} (\S+)$/.exec(line) ?? [];
    if (found !== `envoy_${name}`) return [];
    const pairs = [...labels.matchAll(/(\w+)="([^"]*)"/g)].map(([, key, text]) => [key!, text!]);
    return [{ labels: Object.fromEntries(pairs) as Labels, value: Number(value) }];
  });
}

describe('the standard metrics, by a real Envoy', () => {
  let web: Server;
  let tcp: TcpServer;
  let grpc: GrpcServer;
  let envoy: WaypointEnvoy;
  const listening = <T extends TcpServer>(server: T) =>
    new Promise<T>((resolve) => server.listen(0, '127.0.0.1', () => resolve(server)));
  const portOf = (server: TcpServer): number => (server.address() as AddressInfo).port;
  const page = (): Promise<string> => envoy.envoy.admin('/stats/prometheus');

  beforeAll(async () => {
    web = await listening(
      createServer((request, response) => {
        request.resume().on('end', () => response.end('x'.repeat(1000)));
      }),
    );
    tcp = await listening(createTcpServer((socket) => socket.on('data', () => socket.end('12345'))));
    grpc = new GrpcServer();
    const raw = (bytes: Buffer): Buffer => bytes;
    const codec = { requestSerialize: raw, requestDeserialize: raw, responseSerialize: raw, responseDeserialize: raw };
    grpc.addService(
      { Twice: { path: '/test.Echo/Twice', requestStream: true, responseStream: true, ...codec } },
      {
        Twice: (call: ServerDuplexStream<Buffer, Buffer>) => {
          call.on('data', (bytes: Buffer) => void (call.write(bytes), call.write(bytes)));
          call.on('end', () => call.end());
        },
      },
    );
    const grpcPort = await new Promise<number>((resolve, reject) =>
      grpc.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, port) =>
        error === null ? resolve(port) : reject(error),
      ),
    );
    envoy = await WaypointEnvoy.start(mesh(), {
      [`${HOST}:80`]: portOf(web),
      [`${HOST}:81`]: grpcPort,
      [`${HOST}:82`]: portOf(tcp),
    });
  });
  afterAll(async () => {
    await envoy.stop();
    for (const server of [web, tcp]) server.close();
    web.closeAllConnections();
    grpc.forceShutdown();
  });

  it('of a request have every label; count, duration and sizes', async () => {
    await envoy.ask({ address: WEB, method: 'POST', body: 'y'.repeat(300), identity: CLIENT, baggage: BAGGAGE });
    const labels = { ...HTTP, ...SOURCE, ...DESTINATION, ...SERVICE };
    let text = '';
    const measured = async () => samples((text = await page()), 'istio_response_bytes_count')[0]?.value === 1;
    await until(measured, 'it is counted, and the histograms are flushed');
    expect(samples(text, 'istio_requests_total')).toEqual([{ labels, value: 1 }]);
    for (const [name, sum] of [
      ['istio_request_bytes', 300],
      ['istio_response_bytes', 1000],
    ] as const) {
      expect(samples(text, `${name}_count`)).toEqual([{ labels, value: 1 }]);
      const [total] = samples(text, `${name}_sum`);
      // Envoy's histograms are right to some percent.
      expect(Math.abs(total!.value - sum) / sum).toBeLessThan(0.1);
    }
    expect(samples(text, 'istio_request_duration_milliseconds_count')).toEqual([{ labels, value: 1 }]);
  });

  it('leave empty what is not known: the client without baggage, and who would have served', async () => {
    expect((await envoy.ask({ address: WEB, port: 83 })).status).toBe(503);
    const ofRefused = async () =>
      samples(await page(), 'istio_requests_total').filter(({ labels }) => labels['response_code'] === '503');
    await until(async () => (await ofRefused()).length > 0, 'it is counted');
    const labels = { ...HTTP, ...none(SOURCE, '-'), ...none(DESTINATION, ''), ...SERVICE };
    expect(await ofRefused()).toEqual([
      { labels: { ...labels, response_code: '503', response_flags: 'UH' }, value: 1 },
    ]);
  });

  it('of a gRPC call have its status', async () => {
    const tunnel = await envoy.tunnel({ address: WEB, port: 81, identity: CLIENT, baggage: BAGGAGE });
    const session = connect('http://web.shop', { createConnection: () => tunnel });
    const call = session.request({
      ':method': 'POST',
      ':path': '/test.Echo/Twice',
      'content-type': 'application/grpc',
      te: 'trailers',
    });
    const message = Buffer.from([0, 0, 0, 0, 2, 1, 2]);
    call.end(Buffer.concat([message, message, message]));
    await new Promise((resolve, reject) => call.resume().on('end', resolve).on('error', reject));
    session.destroy();
    const labels = {
      ...{ ...HTTP, ...SOURCE, ...DESTINATION, ...SERVICE },
      request_protocol: 'grpc',
      grpc_response_status: '0',
    };
    const of = async (name: string) =>
      samples(await page(), name).filter((one) => one.labels['request_protocol'] === 'grpc');
    await until(async () => (await of('istio_requests_total')).length > 0, 'it is counted');
    expect(await of('istio_requests_total')).toEqual([{ labels, value: 1 }]);
  });

  it('of a connection have every label but those of requests; opened, closed and bytes', async () => {
    const tunnel = await envoy.tunnel({ address: WEB, port: 82, identity: CLIENT, baggage: BAGGAGE });
    tunnel.write('abc');
    await new Promise((resolve) => tunnel.resume().on('end', resolve));
    tunnel.destroy();
    const labels = { ...COMMON, ...SOURCE, ...DESTINATION, ...SERVICE, request_protocol: 'tcp' };
    await until(async () => (await page()).includes('istio_tcp_connections_closed_total{'), 'it is counted');
    const text = await page();
    for (const [name, value] of [
      ['connections_opened', 1],
      ['connections_closed', 1],
      ['received_bytes', 3],
      ['sent_bytes', 5],
    ] as const)
      expect(samples(text, `istio_tcp_${name}_total`)).toEqual([{ labels, value }]);
  });
});
