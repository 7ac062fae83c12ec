import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import http2 from 'node:http2';
import type net from 'node:net';
import tls from 'node:tls';
import type { TestIdentity } from '@weft/testing-certificates';
import { until } from '@weft/testing-fixtures';
import { APP_PORT, type RigOptions } from '../testing/data-plane-rig.js';
import { DataPlaneSuite, echo, endOf, readAll, sha256 } from '../testing/data-plane-suite.js';
import { ENGINE_NAMES } from './engine.js';

// An HTTP/2 and TLS implementation that is not ours, on either side of the data plane.

function tlsOptions({ certificateChainPem, privateKeyPem, rootsPem }: TestIdentity) {
  return {
    cert: certificateChainPem,
    key: privateKeyPem,
    ca: rootsPem,
    requestCert: true,
    rejectUnauthorized: true,
    ALPNProtocols: ['h2'],
    minVersion: 'TLSv1.3',
  } as const;
}

describe.each(ENGINE_NAMES)('%s engine', (engine) => {
  const suite = new DataPlaneSuite(engine);

  describe('inbound 15008 with node:http2 as the client', () => {
    async function start(options: Omit<RigOptions, 'entry'> = {}): Promise<http2.ClientHttp2Session> {
      return http2Over(await connectRaw(options));
    }

    /** A TCP connection to the pod's 15008, in front of an application that echoes. */
    async function connectRaw(options: Omit<RigOptions, 'entry'> = {}) {
      await suite.startEmpty(options);
      await suite.rig.enrol('server');
      const sockets = new Set<net.Socket>();
      const server = await suite.rig.server.serve(APP_PORT, (socket) => {
        sockets.add(socket);
        socket.on('error', () => undefined);
        socket.pipe(socket);
      });
      suite.atEnd(() => {
        for (const socket of sockets) socket.destroy();
        server.close();
      });
      return suite.connectUncaptured();
    }

    function http2Over(raw: net.Socket): http2.ClientHttp2Session {
      const options2 = { ...tlsOptions(suite.rig.identities.client), checkServerIdentity: () => undefined };
      const secure = tls.connect({ ...options2, socket: raw });
      secure.on('error', () => undefined);
      const session = http2.connect('https://peer', { createConnection: () => secure });
      session.on('error', () => undefined);
      suite.atEnd(() => session.destroy());
      return session;
    }

    function request(session: http2.ClientHttp2Session, headers: http2.OutgoingHttpHeaders): http2.ClientHttp2Stream {
      const stream = session.request(headers, { endStream: false });
      stream.on('error', () => undefined);
      return stream;
    }

    async function statusOf(stream: http2.ClientHttp2Stream): Promise<number | undefined> {
      const [headers] = (await once(stream, 'response')) as [
        http2.IncomingHttpHeaders & http2.IncomingHttpStatusHeader,
      ];
      return headers[':status'];
    }

    const connectHeaders = (authority: string) => ({ ':method': 'CONNECT', ':authority': authority });

    it('answers 200 with the baggage of the destination and tunnels bytes with half-close', async () => {
      const session = await start();
      const stream = request(session, connectHeaders(`${suite.rig.server.address}:${APP_PORT}`));
      const [headers] = (await once(stream, 'response')) as [http2.IncomingHttpHeaders];
      expect(headers).toMatchObject({ ':status': 200, baggage: 'service.name=app' });
      const bytes = randomBytes(5_000_000);
      const answer = readAll(stream);
      stream.end(bytes);
      expect(sha256(await answer)).toBe(sha256(bytes));
      expect(session.remoteSettings).toMatchObject({
        initialWindowSize: 4 * 1024 * 1024,
        maxFrameSize: 1024 * 1024,
        maxConcurrentStreams: 200,
      });
    });

    it.each([
      ['another method', { ':method': 'GET', ':scheme': 'https', ':authority': 'x:80', ':path': '/' }],
      ['no port', { ':method': 'CONNECT', ':authority': '10.213.0.3' }],
      ['a port that is none', { ':method': 'CONNECT', ':authority': '10.213.0.3:99999' }],
      ['a name that is none', { ':method': 'CONNECT', ':authority': 'a b:80' }],
    ])('answers 400 to %s, and the next request on the connection is served', async (_, headers) => {
      const session = await start();
      expect(await statusOf(request(session, headers))).toBe(400);
      expect(await statusOf(request(session, connectHeaders(`${suite.rig.server.address}:${APP_PORT}`)))).toBe(200);
      await suite.rig.settle();
      expect(suite.rig.of('connectionFailed')).toHaveLength(1);
    });

    it('answers 401 and 503 as the verdict says', async () => {
      const session = await start();
      suite.rig.verdict = ({ authority }) =>
        authority === 'a.example:80'
          ? { kind: 'deny', status: 401, reason: 'no' }
          : { kind: 'deny', status: 503, reason: 'unknown service' };
      expect(await statusOf(request(session, connectHeaders('a.example:80')))).toBe(401);
      expect(await statusOf(request(session, connectHeaders('b.example:80')))).toBe(503);
    });

    it('asks for one verdict per context, whatever the client port in `forwarded`', async () => {
      const session = await start();
      const ask = async (forwarded: string): Promise<void> => {
        const headers = { ...connectHeaders(`${suite.rig.server.address}:${APP_PORT}`), forwarded };
        expect(await statusOf(request(session, headers))).toBe(200);
      };
      await ask('for="10.0.0.1:1111";host=a.example');
      await ask('for="10.0.0.1:2222";host=a.example');
      expect(suite.rig.of('inboundVerdictNeeded')).toHaveLength(1);
      await ask('for="10.0.0.1:2222";host=b.example');
      expect(suite.rig.of('inboundVerdictNeeded')).toHaveLength(2);
    });

    it('sends GOAWAY on drain and lets the open stream finish', async () => {
      const session = await start();
      const stream = request(session, connectHeaders(`${suite.rig.server.address}:${APP_PORT}`));
      expect(await statusOf(stream)).toBe(200);
      const goaway = once(session, 'goaway');
      suite.rig.dataPlane.send({ type: 'drain' });
      await goaway;
      const answer = readAll(stream);
      stream.end('to the end');
      expect((await answer).toString()).toBe('to the end');
      await suite.rig.waitFor('drained');
    });

    it('a drain serves a request that was on its way, also on a tunnel without a stream', async () => {
      const session = await start();
      await once(session, 'remoteSettings');
      const goaway = once(session, 'goaway');
      suite.rig.dataPlane.send({ type: 'drain' });
      const stream = request(session, connectHeaders(`${suite.rig.server.address}:${APP_PORT}`));
      expect(await statusOf(stream)).toBe(200);
      await goaway;
      expect(suite.rig.of('drained')).toEqual([]);
      stream.resume().end();
      await suite.rig.waitFor('drained');
    });

    it('a drain finishes a handshake that was on its way, and serves what was asked with it', async () => {
      const raw = await connectRaw();
      await suite.rig.settle();
      suite.rig.dataPlane.send({ type: 'drain' });
      await suite.rig.settle();
      const stream = request(http2Over(raw), connectHeaders(`${suite.rig.server.address}:${APP_PORT}`));
      expect(await statusOf(stream)).toBe(200);
      stream.resume().end();
      await suite.rig.waitFor('drained');
    });

    it('a client with a good certificate that breaks HTTP/2 costs only its own connection', async () => {
      const session = await start();
      const preface = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');
      const settings = Buffer.from('000000040000000000', 'hex');
      const attacks = [
        randomBytes(5000),
        Buffer.concat([preface, randomBytes(5000)]),
        Buffer.concat([preface, settings, Buffer.alloc(200_000)]),
        Buffer.concat([
          preface,
          settings,
          ...Array.from({ length: 5000 }, () =>
            Buffer.from('0000080600000000000102030405060708', 'hex').subarray(0, 17),
          ),
        ]),
      ];
      for (const attack of attacks) {
        const raw = await suite.connectUncaptured();
        const secure = tls.connect({
          ...tlsOptions(suite.rig.identities.client),
          checkServerIdentity: () => undefined,
          socket: raw,
        });
        const closed = new Promise((resolve) => secure.once('close', resolve));
        secure.on('error', () => undefined);
        secure.resume();
        secure.write(attack);
        secure.end();
        await closed;
        raw.destroy();
      }
      expect(await statusOf(request(session, connectHeaders(`${suite.rig.server.address}:${APP_PORT}`)))).toBe(200);
    });

    it('a peer that dies in the middle resets the application', async () => {
      const session = await start();
      const stream = request(session, connectHeaders(`${suite.rig.server.address}:${APP_PORT}`));
      expect(await statusOf(stream)).toBe(200);
      session.destroy();
      const closed = await suite.rig.waitFor('connectionClosed');
      expect(closed.error).toBeDefined();
    });
  });

  describe('outbound with node:http2 as the server', () => {
    interface Peer {
      readonly sessions: http2.ServerHttp2Session[];
      readonly requests: http2.IncomingHttpHeaders[];
    }

    async function start(
      onStream: (stream: http2.ServerHttp2Stream, count: number) => void,
      options: Omit<RigOptions, 'entry'> & { readonly settings?: http2.Settings } = {},
    ): Promise<Peer> {
      await suite.startEmpty(options);
      await suite.rig.enrol('client');
      const peer: Peer = { sessions: [], requests: [] };
      const server = http2.createSecureServer({
        ...tlsOptions(suite.rig.identities.server),
        ...(options.settings === undefined ? {} : { settings: options.settings }),
      });
      server.on('session', (session) => {
        session.on('error', () => undefined);
        peer.sessions.push(session);
      });
      server.on('sessionError', () => undefined);
      server.on('tlsClientError', () => undefined);
      server.on('stream', (stream, headers) => {
        stream.on('error', () => undefined);
        peer.requests.push(headers);
        onStream(stream, peer.requests.length);
      });
      const front = await suite.rig.server.serve(15_008, (socket) => {
        socket.on('error', () => undefined);
        server.emit('connection', socket);
      });
      suite.atEnd(() => {
        for (const session of peer.sessions) session.destroy();
        front.close();
      });
      return peer;
    }

    const accept = (stream: http2.ServerHttp2Stream): void => {
      stream.respond({ ':status': 200 });
      stream.pipe(stream);
    };

    function connect(port = APP_PORT): net.Socket {
      const socket = suite.rig.client.connect(`${suite.rig.server.address}:${port}`);
      suite.atEnd(() => socket.destroy());
      return socket;
    }

    it('sends CONNECT with baggage, forwarded and traceparent, and obeys the default frame size', async () => {
      const peer = await start(accept);
      suite.rig.plan = (destination) => {
        const plan = suite.rig.hbonePlan(destination) as Extract<
          ReturnType<typeof suite.rig.hbonePlan>,
          { kind: 'hbone' }
        >;
        return { ...plan, targets: [{ ...plan.targets[0]!, forwardedHost: 'web.shop.svc.cluster.local' }] };
      };
      const socket = connect();
      const bytes = randomBytes(4_000_000);
      const answer = readAll(socket);
      socket.end(bytes);
      expect(sha256(await answer)).toBe(sha256(bytes));
      expect(peer.requests[0]).toMatchObject({
        ':method': 'CONNECT',
        ':authority': `${suite.rig.server.address}:${APP_PORT}`,
        baggage: 'k8s.namespace.name=shop',
        forwarded: expect.stringMatching(/^for="10\.213\.0\.2:\d+";host=web\.shop\.svc\.cluster\.local$/) as string,
        traceparent: expect.stringMatching(/^00-[0-9a-f]{32}-[0-9a-f]{16}-00$/) as string,
      });
      expect(
        Object.keys(peer.requests[0]!)
          .filter((name) => name.startsWith(':'))
          .sort(),
      ).toEqual([':authority', ':method']);
    });

    it('forwards no byte before the 200', async () => {
      let release = (): void => undefined;
      let early = 0;
      const asked = new Promise<void>((resolve) => {
        void start((stream) => {
          stream.on('data', (chunk: Buffer) => (early += chunk.length));
          release = () => stream.respond({ ':status': 200 });
          resolve();
        }).then(() => connect().write('impatient'));
      });
      await asked;
      await until(() => suite.rig.of('outboundPlanNeeded').length === 1, 'the plan was asked for');
      expect(early).toBe(0);
      release();
      await until(() => early === 'impatient'.length, 'the bytes follow the 200');
    });

    it('opens another tunnel when the streams of the first are used up', async () => {
      const peer = await start(accept, { settings: { maxConcurrentStreams: 2 } });
      expect(await echo(connect(), 'first')).toBe('first');
      const answers = await Promise.all(['a', 'b', 'c', 'd'].map((text) => echo(connect(), text)));
      expect(answers).toEqual(['a', 'b', 'c', 'd']);
      expect(peer.sessions.length).toBeGreaterThanOrEqual(3);
    });

    it('closes a tunnel that was idle for long', async () => {
      const peer = await start(accept, { limits: { idleTunnelMs: 500 } });
      const socket = connect();
      expect(await echo(socket, 'x')).toBe('x');
      const closed = once(peer.sessions[0]!, 'close');
      socket.end();
      await closed;
      expect(await echo(connect(), 'again')).toBe('again');
      expect(peer.sessions).toHaveLength(2);
    });

    it('survives a peer that went away while its tunnel was pooled', async () => {
      const peer = await start(accept);
      const socket = connect();
      expect(await echo(socket, 'x')).toBe('x');
      const ended = endOf(socket);
      peer.sessions[0]!.destroy();
      expect(await ended).toBe('ECONNRESET');
      expect(await echo(connect(), 'again')).toBe('again');
    });

    it('tries a refused stream again', async () => {
      const peer = await start((stream, count) => {
        if (count === 1) stream.close(http2.constants.NGHTTP2_REFUSED_STREAM);
        else accept(stream);
      });
      expect(await echo(connect(), 'x')).toBe('x');
      expect(peer.requests).toHaveLength(2);
      await suite.rig.settle();
      expect(suite.rig.of('connectionFailed')).toEqual([]);
    });

    it('gives up a CONNECT that is never answered', async () => {
      await start(() => undefined, { limits: { responseTimeoutMs: 200 } });
      expect(await endOf(connect())).toBe('ECONNRESET');
      expect(await suite.rig.waitFor('connectionFailed')).toMatchObject({
        reason: expect.stringContaining('no answer to CONNECT') as string,
      });
    });

    it.each([
      ['CANCEL', http2.constants.NGHTTP2_CANCEL, undefined],
      ['NO_ERROR', http2.constants.NGHTTP2_NO_ERROR, undefined],
      ['INTERNAL_ERROR', http2.constants.NGHTTP2_INTERNAL_ERROR, 'stream reset: INTERNAL_ERROR'],
      ['CONNECT_ERROR', http2.constants.NGHTTP2_CONNECT_ERROR, 'stream reset: CONNECT_ERROR'],
    ])('a stream reset with %s ends the client connection, in order or as an error', async (_, code, error) => {
      await start((stream) => {
        stream.respond({ ':status': 200 });
        stream.write('some');
        stream.once('data', () => stream.close(code));
      });
      const socket = connect();
      const [data] = (await once(socket, 'data')) as [Buffer];
      expect(data.toString()).toBe('some');
      const ended = endOf(socket);
      socket.write('more');
      await ended;
      expect((await suite.rig.waitFor('connectionClosed')).error).toBe(error);
    });

    it('a peer that breaks HTTP/2 costs its tunnel only', async () => {
      await suite.startEmpty({ limits: { responseTimeoutMs: 500 } });
      await suite.rig.enrol('client');
      const server = tls.createServer(tlsOptions(suite.rig.identities.server), (socket) => {
        socket.on('error', () => undefined);
        socket.resume();
        socket.write(randomBytes(200));
      });
      const front = await suite.rig.server.serve(15_008, (socket) => {
        socket.on('error', () => undefined);
        server.emit('connection', socket);
      });
      suite.atEnd(() => front.close());
      expect(await endOf(connect())).toBe('ECONNRESET');
      expect(await suite.rig.waitFor('connectionFailed')).toMatchObject({ direction: 'outbound' });
      expect(suite.rig.of('connectionOpened')).toEqual([]);
    });
  });
});
