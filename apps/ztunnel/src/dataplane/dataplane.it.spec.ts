import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import type net from 'node:net';
import { until } from '@weft/testing-fixtures';
import { DEFAULT_LIMITS } from './limits.js';
import {
  APP_PORT,
  bundleWorker,
  CLIENT_ID,
  DataPlaneRig,
  SERVER_ID,
  type RigOptions,
} from '../testing/data-plane-rig.js';

jest.setTimeout(30_000);

let worker: Awaited<ReturnType<typeof bundleWorker>>;
let rig: DataPlaneRig;
const disposers: (() => void)[] = [];

beforeAll(async () => {
  worker = await bundleWorker();
});
afterAll(() => worker.remove());
afterEach(async () => {
  for (const dispose of disposers.splice(0).reverse()) dispose();
  await rig.stop();
});

async function start(options: Omit<RigOptions, 'entry'> = {}): Promise<void> {
  rig = await DataPlaneRig.start({ entry: worker.entry, ...options });
  await rig.enrol('client');
  await rig.enrol('server');
}

const sha = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex');
const app = (): string => `${rig.server.address}:${APP_PORT}`;

function connect(to = app()): net.Socket {
  const socket = rig.client.connect(to);
  disposers.push(() => socket.destroy());
  return socket;
}

async function serve(onConnection: (socket: net.Socket) => void, port = APP_PORT): Promise<net.Server> {
  const sockets = new Set<net.Socket>();
  const server = await rig.server.serve(port, (socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    onConnection(socket);
  });
  disposers.push(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return server;
}

/** How the socket ended: an orderly `end`, or the errno of what cut it. */
async function endOf(socket: net.Socket): Promise<string> {
  socket.resume();
  return new Promise((resolve) => {
    socket.once('end', () => resolve('end'));
    socket.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
  });
}

/** A round trip, so that the connection is known to be up. */
async function echo(socket: net.Socket, text = 'ping'): Promise<string> {
  socket.write(text);
  const [data] = (await once(socket, 'data')) as [Buffer];
  return data.toString();
}

async function readAll(socket: net.Socket): Promise<Buffer> {
  const chunks: Buffer[] = [];
  socket.on('data', (chunk: Buffer) => chunks.push(chunk));
  await once(socket, 'end');
  return Buffer.concat(chunks);
}

describe('HBONE between two pods', () => {
  it('carries bytes, shows the server the address of the client, and tells of each connection once', async () => {
    await start();
    const seen: (string | undefined)[] = [];
    await serve((socket) => {
      seen.push(socket.remoteAddress);
      socket.pipe(socket);
    });
    const socket = connect();
    socket.end('hello through the mesh');
    expect((await readAll(socket)).toString()).toBe('hello through the mesh');
    expect(seen).toEqual([rig.client.address]);
    await until(() => rig.of('connectionClosed').length === 2, 'both ends are closed');
    await rig.dataPlane.settle();
    expect(rig.of('connectionOpened')).toEqual([
      expect.objectContaining({
        direction: 'inbound',
        transport: 'hbone',
        peerIdentity: CLIENT_ID,
        destination: `${rig.server.address}:15008`,
        actualDestination: app(),
      }),
      expect.objectContaining({
        direction: 'outbound',
        transport: 'hbone',
        peerIdentity: SERVER_ID,
        destination: app(),
        actualDestination: `${rig.server.address}:15008`,
        targetId: 7,
      }),
    ]);
    for (const closed of rig.of('connectionClosed')) {
      expect(closed).toMatchObject({ receivedBytes: 22, sentBytes: 22, flag: 'none', why: 'completed' });
    }
    const [question] = rig.of('inboundVerdictNeeded');
    expect(question?.context).toMatchObject({
      authority: app(),
      baggage: 'k8s.namespace.name=shop',
      peerIdentity: CLIENT_ID,
      forwarded: expect.stringMatching(/^for="10\.213\.0\.2:\d+"$/) as string,
    });
  });

  it('delivers 8 MB of random bytes both ways, unchanged', async () => {
    await start();
    const size = 8 * 1024 * 1024;
    const [there, back] = [randomBytes(size), randomBytes(size)];
    let arrived: (hash: string) => void = () => undefined;
    const received = new Promise<string>((resolve) => (arrived = resolve));
    await serve((socket) => {
      void readAll(socket).then((bytes) => arrived(sha(bytes)));
      socket.end(back);
    });
    const socket = connect();
    const answer = readAll(socket);
    socket.end(there);
    expect(await received).toBe(sha(there));
    expect(sha(await answer)).toBe(sha(back));
  });

  it('passes on a half-close: the server answers after the end of the request', async () => {
    await start();
    await serve((socket) => {
      void readAll(socket).then((bytes) => socket.end(`got ${bytes.length}`));
    });
    const socket = connect();
    socket.end(Buffer.alloc(100_000));
    expect((await readAll(socket)).toString()).toBe('got 100000');
  });

  it('runs 64 connections at once over one tunnel', async () => {
    await start();
    await serve((socket) => socket.pipe(socket));
    await Promise.all(
      Array.from({ length: 64 }, async (_, i) => {
        const bytes = randomBytes(20_000 + i);
        const socket = connect();
        socket.end(bytes);
        expect(sha(await readAll(socket))).toBe(sha(bytes));
      }),
    );
    const ends = rig.server.run('ss', ['-Htn', 'state', 'established', 'sport', '=', ':15008']).trim().split('\n');
    expect(ends).toHaveLength(1);
    expect(rig.of('outboundPlanNeeded')).toHaveLength(1);
    expect(rig.of('inboundVerdictNeeded')).toHaveLength(1);
  });
});

describe('IPv6', () => {
  const app6 = (): string => `[${rig.server.address6}]:${APP_PORT}`;

  async function serve6(): Promise<(string | undefined)[]> {
    const seen: (string | undefined)[] = [];
    const server = await rig.server.serve(
      APP_PORT,
      (socket) => {
        seen.push(socket.remoteAddress);
        socket.pipe(socket);
      },
      rig.server.address6,
    );
    disposers.push(() => server.close());
    return seen;
  }

  it('goes by HBONE with the source address kept', async () => {
    await start();
    const seen = await serve6();
    rig.plan = (destination) => rig.hbonePlan(destination, { dial: `[${rig.server.address6}]:15008` });
    rig.verdict = ({ authority }) => ({ kind: 'allow', dial: authority!, preserveSource: true });
    const socket = connect(app6());
    socket.end('six');
    expect((await readAll(socket)).toString()).toBe('six');
    expect(seen).toEqual([rig.client.address6]);
    expect(rig.of('outboundPlanNeeded')[0]?.destination).toBe(app6());
    const forwarded = rig.of('inboundVerdictNeeded')[0]?.context.forwarded;
    expect(forwarded).toMatch(/^for="\[fd00:213::2\]:\d+"$/);
  });

  it('passes in plaintext with the source address kept', async () => {
    await start();
    const seen = await serve6();
    rig.plan = (destination) => ({ kind: 'plain', targets: [{ dial: destination, weight: 1, targetId: 1 }] });
    rig.verdict = ({ destination }) => ({ kind: 'allow', dial: destination, preserveSource: true });
    const socket = connect(app6());
    socket.end('six');
    expect((await readAll(socket)).toString()).toBe('six');
    expect(seen).toEqual([rig.client.address6]);
  });

  it('an IPv4 service may be reached over an IPv6 tunnel; the application then sees the pod itself', async () => {
    await start();
    const seen: (string | undefined)[] = [];
    await serve((socket) => {
      seen.push(socket.remoteAddress);
      socket.pipe(socket);
    });
    rig.plan = (destination) => rig.hbonePlan(destination, { dial: `[${rig.server.address6}]:15008` });
    const socket = connect();
    socket.end('mixed');
    expect((await readAll(socket)).toString()).toBe('mixed');
    expect(seen).toEqual([rig.server.address]);
  });
});

describe('sizes', () => {
  it('no more connections share a tunnel than configured', async () => {
    const { http2 } = DEFAULT_LIMITS;
    await start({ limits: { http2: { ...http2, frameBytes: 16_384, streamsPerTunnel: 2 } } });
    await serve((socket) => socket.pipe(socket));
    const sockets = Array.from({ length: 5 }, () => connect());
    expect(await Promise.all(sockets.map((socket) => echo(socket)))).toEqual(sockets.map(() => 'ping'));
    const tunnels = rig.server.run('ss', ['-Htn', 'state', 'established', 'sport', '=', ':15008']).trim().split('\n');
    expect(tunnels.length).toBeGreaterThanOrEqual(3);
  });
});

describe('refusals', () => {
  it('a policy denial (401) resets the client and is reported by both ends', async () => {
    await start();
    rig.verdict = () => ({ kind: 'deny', status: 401, reason: 'policy shop/deny-all' });
    const served = jest.fn();
    await serve(served);
    const socket = connect();
    socket.write('secret');
    expect(await endOf(socket)).toBe('ECONNRESET');
    expect(await rig.waitFor('connectionFailed', ({ direction }) => direction === 'inbound')).toMatchObject({
      reason: 'policy shop/deny-all',
      flag: 'DENY',
      peerIdentity: CLIENT_ID,
      inbound: { authority: app() },
    });
    expect(await rig.waitFor('connectionFailed', ({ direction }) => direction === 'outbound')).toMatchObject({
      reason: 'http status: 401',
      flag: 'DENY',
      targetId: 7,
      peerIdentity: SERVER_ID,
    });
    await rig.dataPlane.settle();
    expect(rig.of('connectionOpened')).toEqual([]);
    expect(served).not.toHaveBeenCalled();
  });

  it('a refused connection to the application becomes 503 and CONNECT', async () => {
    await start();
    const socket = connect();
    expect(await endOf(socket)).toBe('ECONNRESET');
    expect(await rig.waitFor('connectionFailed', ({ direction }) => direction === 'inbound')).toMatchObject({
      reason: `connect to the application at ${app()}: ECONNREFUSED`,
      flag: 'CONNECT',
    });
    expect(await rig.waitFor('connectionFailed', ({ direction }) => direction === 'outbound')).toMatchObject({
      reason: 'http status: 503',
    });
  });

  it('a peer with another identity than expected gets no request', async () => {
    await start();
    rig.plan = (destination) => rig.hbonePlan(destination, { expected: ['spiffe://cluster.local/ns/shop/sa/other'] });
    expect(await endOf(connect())).toBe('ECONNRESET');
    expect(await rig.waitFor('connectionFailed', ({ direction }) => direction === 'outbound')).toMatchObject({
      reason: `identity mismatch: the peer is ${SERVER_ID}, expected spiffe://cluster.local/ns/shop/sa/other`,
      flag: 'IDENTITY_ERROR',
    });
    expect(rig.of('inboundVerdictNeeded')).toEqual([]);
  });

  it('an empty list of expected identities never verifies', async () => {
    await start();
    rig.plan = (destination) => rig.hbonePlan(destination, { expected: [] });
    expect(await endOf(connect())).toBe('ECONNRESET');
    expect(await rig.waitFor('connectionFailed')).toMatchObject({ flag: 'IDENTITY_ERROR' });
  });

  it('a client of another trust domain is refused after the handshake', async () => {
    await start();
    const stranger = await rig.authority.issue('spiffe://other.domain/ns/shop/sa/client');
    rig.dataPlane.send({ type: 'setIdentity', identity: stranger });
    rig.plan = (destination) => ({ ...rig.hbonePlan(destination), sourceIdentity: stranger.spiffeId }) as never;
    expect(await endOf(connect())).toBe('ECONNRESET');
    expect(await rig.waitFor('connectionFailed', ({ direction }) => direction === 'inbound')).toMatchObject({
      flag: 'IDENTITY_ERROR',
    });
  });

  it('nobody on 15008: the failure names the address', async () => {
    rig = await DataPlaneRig.start({ entry: worker.entry });
    await rig.enrol('client');
    expect(await endOf(connect())).toBe('ECONNRESET');
    expect(await rig.waitFor('connectionFailed')).toMatchObject({
      reason: 'connect to 10.213.0.3:15008: ECONNREFUSED',
      flag: 'CONNECT',
    });
  });

  it('no answer on 15008: the failure hints at a NetworkPolicy', async () => {
    await start({ limits: { connectTimeoutMs: 300 } });
    rig.plan = (destination) => rig.hbonePlan(destination, { dial: '10.213.0.77:15008' });
    expect(await endOf(connect())).toBe('ECONNRESET');
    expect(await rig.waitFor('connectionFailed')).toMatchObject({
      reason: expect.stringContaining('NetworkPolicy') as string,
      flag: 'NETWORK_POLICY',
    });
  });

  it('a rejected plan and an unanswered question close the connection', async () => {
    await start({ limits: { answerTimeoutMs: 200 } });
    rig.plan = (destination) => (destination.endsWith(':1') ? { kind: 'reject', reason: 'unknown service' } : null);
    expect(await endOf(connect('10.213.0.3:1'))).toBe('ECONNRESET');
    expect(await endOf(connect('10.213.0.3:2'))).toBe('ECONNRESET');
    await rig.dataPlane.settle();
    expect(rig.of('connectionFailed').map(({ reason }) => reason)).toEqual([
      'unknown service',
      'no plan for 10.213.0.3:2 after 200 ms',
    ]);
  });

  it('a call of the proxy ports on loopback is a recursion', async () => {
    await start();
    const socket = connect('127.0.0.1:15001');
    expect(await endOf(socket)).toBe('ECONNRESET');
    expect(await rig.waitFor('connectionFailed')).toMatchObject({ reason: 'attempted recursive call to ourselves' });
  });

  it('an inbound request for a proxy port is refused', async () => {
    await start();
    expect(await endOf(connect('10.213.0.3:15001'))).toBe('ECONNRESET');
    expect(await rig.waitFor('connectionFailed', ({ direction }) => direction === 'inbound')).toMatchObject({
      reason: "port 15001 is the proxy's own",
    });
  });
});

describe('a second target', () => {
  it('is tried when the first cannot be reached, and the client notices nothing', async () => {
    await start();
    await serve((socket) => socket.pipe(socket));
    rig.plan = (destination) => {
      const good = rig.hbonePlan(destination) as Extract<ReturnType<typeof rig.hbonePlan>, { kind: 'hbone' }>;
      const bad = { ...good.targets[0]!, dial: '10.213.0.2:9', weight: 1_000_000, targetId: 1 };
      return { ...good, targets: [bad, good.targets[0]!] };
    };
    expect(await echo(connect())).toBe('ping');
    await rig.dataPlane.settle();
    expect(rig.of('connectionFailed')).toEqual([]);
    expect(rig.of('connectionOpened').find(({ direction }) => direction === 'outbound')?.targetId).toBe(7);
  });

  it('is tried when the first has lost its application, before a byte was sent; a denial is final', async () => {
    await start();
    await serve((socket) => socket.pipe(socket));
    let status: 401 | 503 = 503;
    const stale = '10.213.0.3:1';
    rig.verdict = (context) =>
      context.authority === stale ? { kind: 'deny', status, reason: 'the stale one' } : rig.allow(context);
    rig.plan = (destination) => {
      const good = rig.hbonePlan(destination) as Extract<ReturnType<typeof rig.hbonePlan>, { kind: 'hbone' }>;
      const gone = { ...good.targets[0]!, authority: stale, weight: 1_000_000, targetId: 1 };
      return { ...good, targets: [gone, good.targets[0]!] };
    };
    expect(await echo(connect())).toBe('ping');
    status = 401;
    rig.dataPlane.send({ type: 'invalidate' });
    expect(await endOf(connect())).toBe('ECONNRESET');
  });

  it('may be outside of the mesh', async () => {
    await start();
    rig.verdict = ({ destination }) => ({ kind: 'allow', dial: destination, preserveSource: true });
    await serve((socket) => socket.pipe(socket));
    rig.plan = (destination) => {
      const plan = rig.hbonePlan(destination) as Extract<ReturnType<typeof rig.hbonePlan>, { kind: 'hbone' }>;
      return { ...plan, targets: [], plainTargets: [{ dial: destination, weight: 1, targetId: 3 }] };
    };
    expect(await echo(connect())).toBe('ping');
    await rig.dataPlane.settle();
    expect(rig.of('connectionOpened').find(({ direction }) => direction === 'outbound')).toMatchObject({
      transport: 'plaintext',
      targetId: 3,
    });
  });
});

describe('plaintext', () => {
  it('passes through on both sides, with the source address kept', async () => {
    await start();
    rig.plan = (destination) => ({ kind: 'plain', targets: [{ dial: destination, weight: 1, targetId: 9 }] });
    rig.verdict = ({ destination }) => ({ kind: 'allow', dial: destination, preserveSource: true });
    const seen: (string | undefined)[] = [];
    await serve((socket) => {
      seen.push(socket.remoteAddress);
      socket.pipe(socket);
    });
    const bytes = randomBytes(3_000_000);
    const socket = connect();
    const answer = readAll(socket);
    socket.end(bytes);
    expect(sha(await answer)).toBe(sha(bytes));
    expect(seen).toEqual([rig.client.address]);
    const [question] = rig.of('inboundVerdictNeeded');
    expect(question?.context).toMatchObject({ transport: 'plaintext', destination: app(), peerIdentity: null });
    await until(() => rig.of('connectionClosed').length === 2, 'both ends are closed');
    for (const closed of rig.of('connectionClosed')) {
      expect(closed).toMatchObject({ receivedBytes: bytes.length, sentBytes: bytes.length, why: 'completed' });
    }
  });

  it('is refused inbound when the verdict says so', async () => {
    await start();
    rig.plan = (destination) => ({ kind: 'plain', targets: [{ dial: destination, weight: 1, targetId: 9 }] });
    rig.verdict = () => ({ kind: 'deny', status: 401, reason: 'STRICT' });
    const served = jest.fn();
    await serve(served);
    const socket = connect();
    expect(await endOf(socket)).toBe('ECONNRESET');
    expect(await rig.waitFor('connectionFailed')).toMatchObject({
      direction: 'inbound',
      reason: 'STRICT',
      flag: 'DENY',
    });
    expect(served).not.toHaveBeenCalled();
  });

  it('leaves connections alone that began before the enrolment', async () => {
    rig = await DataPlaneRig.start({ entry: worker.entry });
    await serve((socket) => socket.pipe(socket));
    const before = connect();
    expect(await echo(before)).toBe('ping');
    await rig.enrol('client');
    await rig.enrol('server');
    expect(await echo(before, 'pong')).toBe('pong');
    await rig.dataPlane.settle();
    expect(rig.of('connectionOpened')).toEqual([]);
    expect(await echo(connect())).toBe('ping');
    await rig.dataPlane.settle();
    expect(rig.of('connectionOpened')).toHaveLength(2);
  });
});

describe('commands', () => {
  it('closeConnections ends exactly the named ones, with the flag', async () => {
    await start();
    await serve((socket) => socket.pipe(socket));
    const [doomed, other] = [connect(), connect()];
    expect(await echo(doomed)).toBe('ping');
    const port = doomed.localPort;
    expect(await echo(other)).toBe('ping');
    await rig.dataPlane.settle();
    const { connectionId } = rig
      .of('connectionOpened')
      .find(({ direction, source }) => direction === 'outbound' && source.endsWith(`:${port}`))!;
    const ended = endOf(doomed);
    rig.dataPlane.send({
      type: 'closeConnections',
      connectionIds: [connectionId],
      reason: 'policy shop/deny-all',
      flag: 'DENY',
    });
    expect(await ended).toBe('ECONNRESET');
    expect(await rig.waitFor('connectionClosed', (closed) => closed.connectionId === connectionId)).toMatchObject({
      flag: 'DENY',
      why: 'policy shop/deny-all',
    });
    expect(await echo(other, 'still')).toBe('still');
  });

  it('removePod ends the listeners and connections of the pod at once', async () => {
    await start();
    await serve((socket) => socket.pipe(socket));
    const socket = connect();
    expect(await echo(socket)).toBe('ping');
    const ended = endOf(socket);
    rig.dataPlane.send({ type: 'removePod', podUid: 'server' });
    expect(await ended).toBe('ECONNRESET');
    await until(() => rig.of('connectionClosed').length === 2, 'both ends are closed');
    expect(rig.server.run('ss', ['-Hltn', 'sport', '=', ':15008'])).toBe('');
    expect(rig.client.run('ss', ['-Hltn', 'sport', '=', ':15001'])).toContain('15001');
  });

  it('invalidate makes the worker ask again', async () => {
    await start();
    await serve((socket) => socket.pipe(socket));
    await echo(connect());
    await echo(connect());
    expect(rig.of('outboundPlanNeeded')).toHaveLength(1);
    rig.dataPlane.send({ type: 'invalidate' });
    await echo(connect());
    expect(rig.of('outboundPlanNeeded')).toHaveLength(2);
    expect(rig.of('inboundVerdictNeeded')).toHaveLength(2);
  });

  it('drain lets open connections finish, takes no new ones, and says when it is done', async () => {
    await start({ workers: 2 });
    await serve((socket) => socket.pipe(socket));
    const socket = connect();
    expect(await echo(socket)).toBe('ping');
    rig.dataPlane.send({ type: 'drain' });
    await until(() => rig.client.run('ss', ['-Hltn', 'sport', '=', ':15001']) === '', 'nothing listens');
    expect(await endOf(connect())).toBe('ECONNREFUSED');
    expect(await echo(socket, 'still')).toBe('still');
    expect(rig.of('drained')).toEqual([]);
    socket.end();
    await rig.waitFor('drained');
  });

  it('a rotated identity serves new handshakes while the open tunnel goes on', async () => {
    await start();
    await serve((socket) => socket.pipe(socket));
    const socket = connect();
    await echo(socket);
    const other = await rig.authority.issue(SERVER_ID);
    rig.dataPlane.send({ type: 'setIdentity', identity: other });
    rig.dataPlane.send({ type: 'evictTunnels', dials: ['10.213.0.3:15008'] });
    expect(await echo(connect())).toBe('ping');
    expect(await echo(socket, 'still')).toBe('still');
  });

  it('a connection waits for an identity that is not loaded yet', async () => {
    await start();
    await serve((socket) => socket.pipe(socket));
    rig.dataPlane.send({ type: 'dropIdentity', spiffeId: CLIENT_ID });
    const answer = echo(connect());
    expect(await rig.waitFor('identityNeeded')).toMatchObject({ spiffeId: CLIENT_ID });
    rig.dataPlane.send({ type: 'setIdentity', identity: rig.identities.client });
    expect(await answer).toBe('ping');
  });

  it('podFailed when a port is taken, and adding the pod again succeeds once it is free', async () => {
    rig = await DataPlaneRig.start({ entry: worker.entry });
    const squatter = await rig.server.serve(15_006, () => undefined, '0.0.0.0');
    rig.addPod('server');
    expect(await rig.waitFor('podFailed')).toMatchObject({
      podUid: 'server',
      error: expect.stringContaining('EADDRINUSE') as string,
    });
    await new Promise((resolve) => squatter.close(resolve));
    rig.addPod('server');
    await rig.waitFor('podAdded');
    rig.addPod('server');
    await until(() => rig.of('podAdded').length === 2, 'the pod is there already');
  });
});

describe('when things break', () => {
  it('a client that resets makes the application see a reset', async () => {
    await start();
    const ended = new Promise<string>((resolve) => {
      void serve((socket) => {
        void endOf(socket).then(resolve);
        socket.write('x');
      });
    });
    const socket = connect();
    await once(socket, 'data');
    socket.resetAndDestroy();
    expect(await ended).toBe('ECONNRESET');
  });

  it('a client that resets after its end leaves nothing open at either end', async () => {
    await start();
    await serve((socket) => {
      socket.on('error', () => undefined);
      socket.on('end', () => socket.write('the end was seen'));
      socket.resume();
    });
    const socket = connect();
    socket.end('x');
    await once(socket, 'data');
    socket.resetAndDestroy();
    const closed = async (): Promise<boolean> => {
      await rig.dataPlane.settle();
      return rig.of('connectionClosed').length === 2;
    };
    await until(closed, 'both proxies have closed it');
  });

  it('an application that resets makes the client see a reset', async () => {
    await start();
    await serve((socket) => socket.on('data', () => socket.resetAndDestroy()));
    const socket = connect();
    socket.write('x');
    expect(await endOf(socket)).toBe('ECONNRESET');
    await until(() => rig.of('connectionClosed').length === 2, 'both ends are closed');
    expect(rig.of('connectionClosed').map(({ why }) => why)).toContain('reset by the application');
  });

  it('a worker that dies is started again with its pods and identities, and its connections are accounted for', async () => {
    await start();
    await serve((socket) => socket.pipe(socket));
    const socket = connect();
    await echo(socket);
    const ended = endOf(socket);
    await rig.dataPlane.settle();
    await rig.crashWorker();
    expect(await ended).toMatch(/ECONNRESET|end/);
    expect(rig.of('connectionClosed').map(({ why }) => why)).toEqual([
      'the data plane worker ended',
      'the data plane worker ended',
    ]);
    await until(() => rig.server.run('ss', ['-Hltn', 'sport', '=', ':15008']) !== '', 'the worker listens again');
    expect(await echo(connect())).toBe('ping');
  });

  it('a peer that sends anything but TLS costs only its own connection', async () => {
    await start();
    await serve((socket) => socket.pipe(socket));
    for (const bytes of [randomBytes(500), Buffer.from('GET / HTTP/1.1\r\n\r\n'), Buffer.alloc(20_000)]) {
      const socket = rig.client.connect('10.213.0.3:15008', { mark: 0x539 });
      disposers.push(() => socket.destroy());
      socket.write(bytes);
      await endOf(socket);
    }
    await rig.dataPlane.settle();
    expect(rig.of('connectionFailed').map(({ flag }) => flag)).toEqual(['TLS_FAILURE', 'TLS_FAILURE', 'TLS_FAILURE']);
    expect(await echo(connect())).toBe('ping');
  });

  it('a handshake that never comes is given up', async () => {
    await start({ limits: { handshakeTimeoutMs: 200 } });
    const socket = rig.client.connect('10.213.0.3:15008', { mark: 0x539 });
    disposers.push(() => socket.destroy());
    await endOf(socket);
    expect(await rig.waitFor('connectionFailed')).toMatchObject({ flag: 'TLS_FAILURE' });
  });

  it('holds back a sender whose receiver does not read, and loses nothing', async () => {
    await start();
    let served: net.Socket | null = null;
    await serve((socket) => (served = socket.pause()));
    const socket = connect();
    const size = 64 * 1024 * 1024;
    const bytes = randomBytes(1024 * 1024);
    let sent = 0;
    const pump = (): void => {
      while (sent < size && socket.write(bytes)) sent += bytes.length;
      if (sent >= size) socket.end();
      else
        socket.once('drain', () => {
          sent += bytes.length;
          pump();
        });
    };
    pump();
    await until(() => socket.writableLength > 0 && served !== null, 'the sender is held back');
    const stalled = (): number => rig.dataPlane.counters[0]!.reduce((sum, cell) => sum + cell, 0);
    let before = -1;
    await until(() => {
      const now = stalled();
      const same = now === before && now > 0;
      before = now;
      return same;
    }, 'nothing moves any more');
    expect(before).toBeLessThan(2 * 40 * 1024 * 1024);
    const hash = createHash('sha256');
    served!.on('data', (chunk: Buffer) => hash.update(chunk)).resume();
    await once(served!, 'end');
    const expected = createHash('sha256');
    for (let i = 0; i < sent / bytes.length; i++) expected.update(bytes);
    expect(hash.digest('hex')).toBe(expected.digest('hex'));
  });
});
