import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import type net from 'node:net';
import { until } from '@weft/testing-fixtures';
import { APP_PORT, CLIENT_ID, SERVER_ID } from '../testing/data-plane-rig.js';
import { DataPlaneSuite, endOf, readAll, sha256 } from '../testing/data-plane-suite.js';
import { envoyGateway, GATEWAY_DIAL, nodeGateway, type NetworkGateway } from '../testing/network-gateway.js';
import { ENGINE_NAMES } from './engine.js';
import type { HboneTarget } from './messages.js';

// A tunnel in a tunnel, through gateways that are not ours, to a peer behind them that is.

const GATEWAY_ID = 'spiffe://cluster.local/ns/istio-system/sa/east-west';
const AUTHORITY = 'app.shop.svc.cluster.local:80';
const SERVICE = '10.96.0.1:80';

async function start(
  suite: DataPlaneSuite,
  makeGateway: typeof nodeGateway,
  change: Partial<HboneTarget> = {},
): Promise<NetworkGateway> {
  const rig = await suite.start();
  const identity = await rig.authority.issue(GATEWAY_ID);
  const gateway = await makeGateway({ pod: rig.client, identity, upstream: `${rig.server.address}:15008` });
  suite.atEnd(() => gateway.stop());
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
  return gateway;
}

describe.each(ENGINE_NAMES)('%s engine', (engine) => {
  const suite = new DataPlaneSuite(engine);

  describe.each([
    ['Node as the gateway', nodeGateway],
    ['Envoy as the gateway', envoyGateway],
  ])('%s', (_name, makeGateway) => {
    it('the far end sees the client itself, its network and the name; here the far end is reported', async () => {
      await start(suite, makeGateway);
      await suite.serve((socket) => socket.pipe(socket));
      const socket = suite.connect(SERVICE);
      socket.end('hello');
      expect((await readAll(socket)).toString()).toBe('hello');
      await until(() => suite.rig.of('connectionClosed').length === 2, 'both ends are closed');
      await suite.rig.settle();
      expect(suite.rig.of('inboundVerdictNeeded')[0]?.context).toMatchObject({
        peerIdentity: CLIENT_ID,
        authority: AUTHORITY,
        forwardedNetwork: 'net1',
        baggage: 'k8s.namespace.name=shop',
        forwarded: expect.stringMatching(/^for="10\.213\.0\.2:\d+";host=app\.shop\.svc\.cluster\.local$/) as string,
      });
      expect(suite.rig.of('connectionOpened').find(({ direction }) => direction === 'outbound')).toMatchObject({
        transport: 'hbone',
        actualDestination: GATEWAY_DIAL,
        peerIdentity: SERVER_ID,
        peerBaggage: 'k8s.deployment.name=app',
        targetId: 7,
      });
      for (const closed of suite.rig.of('connectionClosed')) {
        expect(closed).toMatchObject({ receivedBytes: 5, sentBytes: 5, flag: 'none', why: 'completed' });
      }
    });

    it('10 connections at a time bring 4 MB each there and back, unchanged', async () => {
      await start(suite, makeGateway);
      await suite.serve((socket) => socket.pipe(socket));
      await Promise.all(
        Array.from({ length: 10 }, async () => {
          const bytes = randomBytes(4_000_000);
          const socket = suite.connect(SERVICE);
          const answer = readAll(socket);
          socket.end(bytes);
          expect(sha256(await answer)).toBe(sha256(bytes));
        }),
      );
      await until(() => suite.rig.of('connectionClosed').length === 20, 'all are closed');
    });

    it('what was written before the end arrives, also when the far end was done first', async () => {
      await start(suite, makeGateway);
      const bytes = randomBytes(2_000_000);
      const arrived: Buffer[] = [];
      await suite.serve((socket) => {
        socket.on('data', (chunk: Buffer) => arrived.push(chunk));
        socket.end('bye');
      });
      const socket = suite.connect(SERVICE);
      expect((await readAll(socket)).toString()).toBe('bye');
      socket.end(bytes);
      await until(() => Buffer.concat(arrived).length === bytes.length, 'everything arrived');
      expect(sha256(Buffer.concat(arrived))).toBe(sha256(bytes));
    });

    it('somebody else behind the gateway is refused before a byte', async () => {
      await start(suite, makeGateway, {
        inner: { expectedIdentities: ['spiffe://cluster.local/ns/x/sa/y'], forwardedNetwork: '' },
      });
      let seen = 0;
      await suite.serve(() => seen++);
      const socket = suite.connect(SERVICE);
      socket.write('secret');
      expect(await endOf(socket)).toBe('ECONNRESET');
      expect(await suite.rig.waitFor('connectionFailed', ({ direction }) => direction === 'outbound')).toMatchObject({
        flag: 'IDENTITY_ERROR',
        reason: `inner tunnel: identity mismatch: the peer is ${SERVER_ID}, expected spiffe://cluster.local/ns/x/sa/y`,
      });
      expect(seen).toBe(0);
    });

    it('nobody is expected behind the gateway: nobody is right', async () => {
      await start(suite, makeGateway, { inner: { expectedIdentities: [], forwardedNetwork: '' } });
      expect(await endOf(suite.connect(SERVICE))).toBe('ECONNRESET');
      expect(await suite.rig.waitFor('connectionFailed', ({ direction }) => direction === 'outbound')).toMatchObject({
        flag: 'IDENTITY_ERROR',
      });
    });

    it('somebody else as the gateway is refused', async () => {
      await start(suite, makeGateway, { expectedIdentities: ['spiffe://cluster.local/ns/x/sa/y'] });
      expect(await endOf(suite.connect(SERVICE))).toBe('ECONNRESET');
      expect(await suite.rig.waitFor('connectionFailed', ({ direction }) => direction === 'outbound')).toMatchObject({
        flag: 'IDENTITY_ERROR',
        reason: expect.stringContaining(`the peer is ${GATEWAY_ID}`) as string,
      });
    });

    it('a refusal of the far end says so, and is not asked for twice', async () => {
      await start(suite, makeGateway);
      suite.rig.verdict = () => ({ kind: 'deny', status: 401, reason: 'no' });
      expect(await endOf(suite.connect(SERVICE))).toBe('ECONNRESET');
      expect(await suite.rig.waitFor('connectionFailed', ({ direction }) => direction === 'outbound')).toMatchObject({
        flag: 'DENY',
        reason: 'inner tunnel: http status: 401',
      });
      expect(suite.rig.of('inboundVerdictNeeded')).toHaveLength(1);
    });

    it('a reset of the client reaches the application, and one of the application the client', async () => {
      await start(suite, makeGateway);
      const ends: Promise<string>[] = [];
      const sockets: net.Socket[] = [];
      await suite.serve((socket) => {
        sockets.push(socket);
        socket.once('data', () => ends.push(endOf(socket)));
        socket.write('hi');
      });
      const first = suite.connect(SERVICE);
      await once(first, 'data');
      first.write('x');
      await until(() => ends.length === 1, 'the application has a byte');
      first.resetAndDestroy();
      expect(await ends[0]).toBe('ECONNRESET');
      const second = suite.connect(SERVICE);
      await once(second, 'data');
      sockets[1]!.resetAndDestroy();
      expect(await endOf(second)).toBe('ECONNRESET');
    });
  });

  it('only the outer request is without the network of the client', async () => {
    const gateway = await start(suite, nodeGateway);
    await suite.serve((socket) => socket.pipe(socket));
    const socket = suite.connect(SERVICE);
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
    const gateway = await start(suite, nodeGateway);
    await suite.serve((socket) => socket.pipe(socket));
    const sockets = [suite.connect(SERVICE), suite.connect(SERVICE), suite.connect(SERVICE)];
    for (const socket of sockets) {
      socket.write('x');
      await once(socket, 'data');
    }
    expect(gateway.requests).toHaveLength(3);
    const tunnels = suite.rig.client.run('ss', ['-Htn', 'state', 'established', 'dport = :15018']).trim().split('\n');
    expect(tunnels).toHaveLength(1);
    const inner = suite.rig.server.run('ss', ['-Htn', 'state', 'established', 'sport = :15008']).trim().split('\n');
    expect(inner).toHaveLength(3);
  });

  it('a removed pod ends its connections through gateways at once', async () => {
    await start(suite, nodeGateway);
    await suite.serve((socket) => socket.pipe(socket));
    const socket = suite.connect(SERVICE);
    socket.write('x');
    await once(socket, 'data');
    const end = endOf(socket);
    suite.rig.dataPlane.send({ type: 'removePod', podUid: 'client' });
    expect(await end).toBe('ECONNRESET');
    expect(await suite.rig.waitFor('connectionClosed', ({ why }) => why === 'pod removed')).toBeDefined();
  });
});
