import { once } from 'node:events';
import type net from 'node:net';
import { formatSocketAddress } from '@weft/ip';
import { decodeProxyHeader, ProxyTlv } from '@weft/proxy-protocol';
import { until } from '@weft/testing-fixtures';
import { ApplicationTunnel_Protocol, TunnelProtocol } from '@weft/xds/gen/mesh/workload/workload.js';
import { bytes, ip, memberOf, serviceMessage, workloadMessage } from './testing/mesh-fixtures.js';
import { envoyGateway, GATEWAY_DIAL } from './testing/network-gateway.js';
import type { PodNamespace } from './testing/pod-namespace.js';
import { WholeZtunnel } from './testing/whole-ztunnel.js';

// What the control plane says, through routing and the data plane, to the application at the other end.

const CLIENT = 'spiffe://cluster.local/ns/shop/sa/client';
const SERVER = 'spiffe://cluster.local/ns/shop/sa/server';
const GATEWAY = 'spiffe://cluster.local/ns/istio-system/sa/gateway';
const byAddress = (network: string, text: string, hboneMtlsPort = 15008) => ({
  destination: { $case: 'address' as const, value: { network, address: bytes(text) } },
  hboneMtlsPort,
});

let whole: WholeZtunnel;
afterEach(() => whole.stop());

/** Says who it sees, then echoes. */
async function app(pod: PodNamespace, port = 8080, host = pod.address): Promise<void> {
  const sockets = new Set<net.Socket>();
  const server = await pod.serve(
    port,
    (socket) => {
      sockets.add(socket);
      socket.on('error', () => undefined);
      socket.write(`${socket.remoteAddress} `);
      socket.pipe(socket);
    },
    host,
  );
  whole.atEnd(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
}

/** What comes back until `hello` does. */
async function hello(to: string): Promise<string> {
  const socket = whole.pods[0].connect(to);
  whole.atEnd(() => socket.destroy());
  const chunks: string[] = [];
  socket.on('data', (chunk: Buffer) => chunks.push(chunk.toString()));
  const failed = once(socket, 'error').then(([error]) => Promise.reject(error as Error));
  socket.write('hello');
  await Promise.race([until(() => chunks.join('').includes('hello'), `hello from ${to}`), failed]);
  socket.end();
  return chunks.join('');
}

/** On the page of metrics, soon: it waits 200 ms for what workers have to say. */
const counts = (line: RegExp) => until(async () => line.test(await whole.metrics()), `${line} is counted`);
const outbound = () => whole.access.find(({ direction }) => direction === 'outbound');

describe('both families', () => {
  beforeEach(async () => {
    whole = await WholeZtunnel.start({
      mesh: ([client, server]) => [
        workloadMessage('client', null, { addresses: [bytes(client.address), bytes(client.address6)] }),
        workloadMessage('server', null, {
          addresses: [bytes(server.address), bytes(server.address6)],
          services: memberOf('b'),
        }),
        serviceMessage('b', null, { addresses: [{ address: bytes('10.96.0.1') }, { address: bytes('fd00:96::1') }] }),
      ],
    });
  });

  it.each([
    ['IPv4 service', () => '10.96.0.1:80', () => whole.pods[0].address],
    ['IPv6 service', () => '[fd00:96::1]:80', () => whole.pods[0].address6],
    ['IPv4 pod', () => `${whole.pods[1].address}:8080`, () => whole.pods[0].address],
    ['IPv6 pod', () => `[${whole.pods[1].address6}]:8080`, () => whole.pods[0].address6],
  ])('%s: the application sees the address of the client in the same family', async (_what, to, source) => {
    await app(whole.pods[1], 8080, whole.pods[1].address);
    await app(whole.pods[1], 8080, whole.pods[1].address6);
    expect(await hello(to())).toBe(`${source()} hello`);
    await until(() => whole.access.length === 2, 'both ends have logged');
    for (const line of whole.access) expect(line).toMatchObject({ 'src.identity': CLIENT, 'dst.identity': SERVER });
  });
});

it('an endpoint with a name is resolved and dialled in plaintext, and the name is counted', async () => {
  whole = await WholeZtunnel.start({
    mesh: ([client]) => [
      workloadMessage('client', client.address),
      workloadMessage('server', null),
      workloadMessage('db', null, {
        hostname: 'db.example',
        tunnelProtocol: TunnelProtocol.NONE,
        services: memberOf('b'),
      }),
      serviceMessage('b', '10.96.0.1'),
    ],
    resolve: (hostname) =>
      hostname === 'db.example'
        ? Promise.resolve({ addresses: [ip(whole.pods[1].address)], ttlSeconds: 60 })
        : Promise.reject(new Error('no such name')),
  });
  await app(whole.pods[1]);
  expect(await hello('10.96.0.1:80')).toBe(`${whole.pods[0].address} hello`);
  await counts(/istio_on_demand_dns_total\{hostname="db.example".*\} 1/);
});

it('a sandwiched waypoint: told by a PROXY header who comes; what it sends on goes straight to the workload', async () => {
  const toServer = (server: PodNamespace) => byAddress('', server.address);
  whole = await WholeZtunnel.start({
    mesh: ([client, server]) => [
      // The destination and the client are one pod here; its waypoint is the other.
      workloadMessage('client', client.address, { services: memberOf('b'), waypoint: toServer(server) }),
      workloadMessage('server', server.address, {
        applicationTunnel: { protocol: ApplicationTunnel_Protocol.PROXY, port: 15088 },
      }),
      serviceMessage('b', '10.96.0.1', { waypoint: toServer(server) }),
    ],
  });
  const [client, server] = whole.pods;
  await app(client);
  let header = '';
  const tunnel = await server.serve(
    15_088,
    (downstream) => {
      downstream.on('error', () => undefined);
      downstream.once('data', (chunk: Buffer) => {
        const read = decodeProxyHeader(chunk);
        if (!read.ok || read.value === null) throw new Error('not a header');
        const { source, destination, tlvs } = read.value.header;
        const text = (type: number) => Buffer.from(tlvs.get(type) ?? []).toString();
        header = [
          source!.ip.text,
          formatSocketAddress(destination!),
          text(ProxyTlv.CLIENT_IDENTITY),
          text(ProxyTlv.SERVICE_HOSTNAME),
        ].join(' ');
        const upstream = server.connect(`${client.address}:8080`);
        upstream.on('error', () => downstream.destroy());
        upstream.write(chunk.subarray(read.value.length));
        upstream.pipe(downstream).pipe(upstream);
      });
    },
    '127.0.0.1',
  );
  whole.atEnd(() => tunnel.close());
  expect(await hello('10.96.0.1:80')).toBe(`${server.address} hello`);
  expect(header).toBe(`${client.address} 10.96.0.1:80 ${CLIENT} b.shop.svc.cluster.local`);
  await until(() => whole.access.length === 4, 'both hops have logged at both ends');
  const second = whole.access.find((line) => line['direction'] === 'inbound' && line['dst.workload'] === 'client');
  expect(second).toMatchObject({
    'src.identity': SERVER,
    'dst.identity': CLIENT,
    'dst.hbone_addr': `${client.address}:8080`,
  });
});

it('a service on another network: through its gateway, which is Envoy, to a pod that sees who really called', async () => {
  whole = await WholeZtunnel.start({
    env: { NETWORK: 'net1' },
    mesh: ([client, server]) => [
      workloadMessage('client', client.address, { network: 'net1' }),
      workloadMessage('server', server.address, {
        network: 'net2',
        services: { 'shop/app.shop.svc.cluster.local': { ports: [{ servicePort: 80, targetPort: 8080 }] } },
      }),
      // All of the other network, as its control plane summarises it.
      workloadMessage('app', null, {
        uid: 'net2/SplitHorizonWorkload/gateway/shop/app',
        network: 'net2',
        networkGateway: byAddress('net2', '127.0.0.1', Number(GATEWAY_DIAL.split(':')[1])),
        services: memberOf('app'),
      }),
      workloadMessage('gateway', '127.0.0.1', { network: 'net2', namespace: 'istio-system', uid: 'net2//gateway' }),
      serviceMessage('app', null, {
        addresses: [{ network: 'net1', address: bytes('10.96.0.1') }],
        subjectAltNames: [SERVER],
      }),
    ],
  });
  const [client, server] = whole.pods;
  await app(server);
  const gateway = await envoyGateway({
    pod: client,
    identity: await whole.ca.issue(GATEWAY),
    upstream: `${server.address}:15008`,
  });
  whole.atEnd(() => gateway.stop());
  expect(await hello('10.96.0.1:80')).toContain('hello');
  await until(() => whole.access.length === 2, 'both ends have logged');
  expect(outbound()).toMatchObject({
    message: 'connection complete',
    'src.identity': CLIENT,
    'dst.addr': GATEWAY_DIAL,
    'dst.hbone_addr': 'app.shop.svc.cluster.local:80',
    'dst.service': 'app.shop.svc.cluster.local',
    'dst.workload': 'server',
    'dst.identity': SERVER,
  });
  expect(whole.access.find(({ direction }) => direction === 'inbound')).toMatchObject({
    'src.identity': CLIENT,
    'dst.workload': 'server',
    'dst.service': 'app.shop.svc.cluster.local',
  });
  await counts(
    /connections_opened_total\{reporter="source".*destination_workload="server".*destination_principal="spiffe:\/\/cluster.local\/ns\/shop\/sa\/server"/,
  );
});

it('a waypoint that is not there: refused, logged with the service, counted, and nobody is called instead', async () => {
  whole = await WholeZtunnel.start({
    mesh: ([client, server]) => [
      workloadMessage('client', client.address),
      workloadMessage('server', server.address, { services: memberOf('b') }),
      serviceMessage('b', '10.96.0.1', { waypoint: byAddress('', '10.213.0.77') }),
    ],
  });
  await app(whole.pods[1]);
  await expect(hello('10.96.0.1:80')).rejects.toThrow('ECONNRESET');
  await until(() => outbound() !== undefined, 'it is logged');
  expect(outbound()).toMatchObject({
    message: 'connection failed',
    'dst.service': 'b.shop.svc.cluster.local',
    error: 'unknown waypoint: /10.213.0.77',
  });
  await counts(
    /connections_failed_total\{.*destination_service="b.shop.svc.cluster.local".*response_flags="CONNECT".*\} 1/,
  );
});
