import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import type net from 'node:net';
import { until } from '@weft/testing-fixtures';
import {
  APP_PORT,
  bundleWorker,
  CLIENT_ID,
  DataPlaneRig,
  SERVER_ID,
  type RigOptions,
} from '../testing/data-plane-rig.js';
import { envoyGateway, GATEWAY_DIAL, nodeGateway, type NetworkGateway } from '../testing/network-gateway.js';
import type { HboneTarget } from './messages.js';

// A tunnel in a tunnel, through gateways that are not ours, to a peer behind them that is.

jest.setTimeout(60_000);

const GATEWAY_ID = 'spiffe://cluster.local/ns/istio-system/sa/east-west';
const AUTHORITY = 'app.shop.svc.cluster.local:80';

let worker: Awaited<ReturnType<typeof bundleWorker>>;
let rig: DataPlaneRig;
let gateway: NetworkGateway;
const disposers: (() => void)[] = [];

beforeAll(async () => {
  worker = await bundleWorker();
});
afterAll(() => worker.remove());
afterEach(async () => {
  for (const dispose of disposers.splice(0).reverse()) dispose();
  await rig.stop();
});

async function start(
  makeGateway: typeof nodeGateway,
  change: Partial<HboneTarget> = {},
  options: Omit<RigOptions, 'entry'> = {},
): Promise<void> {
  rig = await DataPlaneRig.start({ entry: worker.entry, ...options });
  await rig.enrol('client');
  await rig.enrol('server');
  const identity = await rig.authority.issue(GATEWAY_ID);
  gateway = await makeGateway({ pod: rig.client, identity, upstream: `${rig.server.address}:15008` });
  disposers.push(() => gateway.stop());
  const target: HboneTarget = {
    dial: GATEWAY_DIAL,
    authority: AUTHORITY,
    expectedIdentities: [GATEWAY_ID],
    inner: { expectedIdentities: [SERVER_ID], forwardedNetwork: 'net1' },
    forwardedHost: 'app.shop.svc.cluster.local',
    weight: 1,
    targetId: 7,
    ...change,
  };
  rig.plan = () => ({
    kind: 'hbone',
    targets: [target],
    sourceIdentity: CLIENT_ID,
    baggage: 'k8s.namespace.name=shop',
  });
  rig.verdict = () => ({
    kind: 'allow',
    dial: `${rig.server.address}:${APP_PORT}`,
    preserveSource: false,
    baggage: 'k8s.deployment.name=app',
  });
}

async function serve(onConnection: (socket: net.Socket) => void): Promise<void> {
  const sockets = new Set<net.Socket>();
  const server = await rig.server.serve(APP_PORT, (socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    onConnection(socket);
  });
  disposers.push(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
}

function connect(): net.Socket {
  const socket = rig.client.connect('10.96.0.1:80');
  disposers.push(() => socket.destroy());
  return socket;
}

async function readAll(socket: net.Socket): Promise<Buffer> {
  const chunks: Buffer[] = [];
  socket.on('data', (chunk: Buffer) => chunks.push(chunk));
  await once(socket, 'end');
  return Buffer.concat(chunks);
}

async function endOf(socket: net.Socket): Promise<string> {
  socket.resume();
  return new Promise((resolve) => {
    socket.once('end', () => resolve('end'));
    socket.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
  });
}

const sha = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex');

describe.each([
  ['Node as the gateway', nodeGateway],
  ['Envoy as the gateway', envoyGateway],
])('%s', (_name, makeGateway) => {
  it('the far end sees the client itself, its network and the name; here the far end is reported', async () => {
    await start(makeGateway);
    await serve((socket) => socket.pipe(socket));
    const socket = connect();
    socket.end('hello');
    expect((await readAll(socket)).toString()).toBe('hello');
    await until(() => rig.of('connectionClosed').length === 2, 'both ends are closed');
    await rig.dataPlane.settle();
    expect(rig.of('inboundVerdictNeeded')[0]?.context).toMatchObject({
      peerIdentity: CLIENT_ID,
      authority: AUTHORITY,
      forwardedNetwork: 'net1',
      baggage: 'k8s.namespace.name=shop',
      forwarded: expect.stringMatching(/^for="10\.213\.0\.2:\d+";host=app\.shop\.svc\.cluster\.local$/) as string,
    });
    expect(rig.of('connectionOpened').find(({ direction }) => direction === 'outbound')).toMatchObject({
      transport: 'hbone',
      actualDestination: GATEWAY_DIAL,
      peerIdentity: SERVER_ID,
      peerBaggage: 'k8s.deployment.name=app',
      targetId: 7,
    });
    for (const closed of rig.of('connectionClosed')) {
      expect(closed).toMatchObject({ receivedBytes: 5, sentBytes: 5, flag: 'none', why: 'completed' });
    }
  });

  it('10 connections at a time bring 4 MB each there and back, unchanged', async () => {
    await start(makeGateway);
    await serve((socket) => socket.pipe(socket));
    await Promise.all(
      Array.from({ length: 10 }, async () => {
        const bytes = randomBytes(4_000_000);
        const socket = connect();
        const answer = readAll(socket);
        socket.end(bytes);
        expect(sha(await answer)).toBe(sha(bytes));
      }),
    );
    await until(() => rig.of('connectionClosed').length === 20, 'all are closed');
  });

  it('what was written before the end arrives, also when the far end was done first', async () => {
    await start(makeGateway);
    const bytes = randomBytes(2_000_000);
    const arrived: Buffer[] = [];
    await serve((socket) => {
      socket.on('data', (chunk: Buffer) => arrived.push(chunk));
      socket.end('bye');
    });
    const socket = connect();
    expect((await readAll(socket)).toString()).toBe('bye');
    socket.end(bytes);
    await until(() => Buffer.concat(arrived).length === bytes.length, 'everything arrived');
    expect(sha(Buffer.concat(arrived))).toBe(sha(bytes));
  });

  it('somebody else behind the gateway is refused before a byte', async () => {
    await start(makeGateway, {
      inner: { expectedIdentities: ['spiffe://cluster.local/ns/x/sa/y'], forwardedNetwork: '' },
    });
    let seen = 0;
    await serve(() => seen++);
    const socket = connect();
    socket.write('secret');
    expect(await endOf(socket)).toBe('ECONNRESET');
    expect(await rig.waitFor('connectionFailed', ({ direction }) => direction === 'outbound')).toMatchObject({
      flag: 'IDENTITY_ERROR',
      reason: `inner tunnel: identity mismatch: the peer is ${SERVER_ID}, expected spiffe://cluster.local/ns/x/sa/y`,
    });
    expect(seen).toBe(0);
  });

  it('nobody is expected behind the gateway: nobody is right', async () => {
    await start(makeGateway, { inner: { expectedIdentities: [], forwardedNetwork: '' } });
    expect(await endOf(connect())).toBe('ECONNRESET');
    expect(await rig.waitFor('connectionFailed', ({ direction }) => direction === 'outbound')).toMatchObject({
      flag: 'IDENTITY_ERROR',
    });
  });

  it('somebody else as the gateway is refused', async () => {
    await start(makeGateway, { expectedIdentities: ['spiffe://cluster.local/ns/x/sa/y'] });
    expect(await endOf(connect())).toBe('ECONNRESET');
    expect(await rig.waitFor('connectionFailed', ({ direction }) => direction === 'outbound')).toMatchObject({
      flag: 'IDENTITY_ERROR',
      reason: expect.stringContaining(`the peer is ${GATEWAY_ID}`) as string,
    });
  });

  it('a refusal of the far end says so, and is not asked for twice', async () => {
    await start(makeGateway);
    rig.verdict = () => ({ kind: 'deny', status: 401, reason: 'no' });
    expect(await endOf(connect())).toBe('ECONNRESET');
    expect(await rig.waitFor('connectionFailed', ({ direction }) => direction === 'outbound')).toMatchObject({
      flag: 'DENY',
      reason: 'inner tunnel: http status: 401',
    });
    expect(rig.of('inboundVerdictNeeded')).toHaveLength(1);
  });

  it('a reset of the client reaches the application, and one of the application the client', async () => {
    await start(makeGateway);
    const ends: Promise<string>[] = [];
    const sockets: net.Socket[] = [];
    await serve((socket) => {
      sockets.push(socket);
      socket.once('data', () => ends.push(endOf(socket)));
      socket.write('hi');
    });
    const first = connect();
    await once(first, 'data');
    first.write('x');
    await until(() => ends.length === 1, 'the application has a byte');
    first.resetAndDestroy();
    expect(await ends[0]).toBe('ECONNRESET');
    const second = connect();
    await once(second, 'data');
    sockets[1]!.resetAndDestroy();
    expect(await endOf(second)).toBe('ECONNRESET');
  });
});

it('only the outer request is without the network of the client', async () => {
  await start(nodeGateway);
  await serve((socket) => socket.pipe(socket));
  const socket = connect();
  socket.end('x');
  await readAll(socket);
  const [outer] = gateway.requests;
  expect(outer).toMatchObject({
    ':method': 'CONNECT',
    ':authority': AUTHORITY,
    baggage: 'k8s.namespace.name=shop',
    forwarded: expect.stringContaining('host=app.shop.svc.cluster.local') as string,
  });
  expect(outer).not.toHaveProperty('x-forwarded-network');
  expect(gateway.requests).toHaveLength(1);
});

it('outer tunnels are shared, inner ones are not', async () => {
  await start(nodeGateway);
  await serve((socket) => socket.pipe(socket));
  const sockets = [connect(), connect(), connect()];
  for (const socket of sockets) {
    socket.write('x');
    await once(socket, 'data');
  }
  expect(gateway.requests).toHaveLength(3);
  const tunnels = rig.client.run('ss', ['-Htn', 'state', 'established', 'dport = :15018']).trim().split('\n');
  expect(tunnels).toHaveLength(1);
  const inner = rig.server.run('ss', ['-Htn', 'state', 'established', 'sport = :15008']).trim().split('\n');
  expect(inner).toHaveLength(3);
});

it('a removed pod ends its connections through gateways at once', async () => {
  await start(nodeGateway);
  await serve((socket) => socket.pipe(socket));
  const socket = connect();
  socket.write('x');
  await once(socket, 'data');
  const end = endOf(socket);
  rig.dataPlane.send({ type: 'removePod', podUid: 'client' });
  expect(await end).toBe('ECONNRESET');
  expect(await rig.waitFor('connectionClosed', ({ why }) => why === 'pod removed')).toBeDefined();
});
