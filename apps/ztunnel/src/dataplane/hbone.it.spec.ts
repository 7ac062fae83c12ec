import { randomBytes } from 'node:crypto';
import { until } from '@weft/testing-fixtures';
import { APP_PORT, CLIENT_ID, SERVER_ID } from '../testing/data-plane-rig.js';
import { DataPlaneSuite, echo, readAll, sha256 } from '../testing/data-plane-suite.js';
import { ENGINE_NAMES } from './engine.js';
import { DEFAULT_LIMITS } from './limits.js';

describe.each(ENGINE_NAMES)('%s engine', (engine) => {
  const suite = new DataPlaneSuite(engine);

  describe('HBONE between two pods', () => {
    it('carries bytes, shows the server the address of the client, and tells of each connection once', async () => {
      await suite.start();
      const seen: (string | undefined)[] = [];
      await suite.serve((socket) => {
        seen.push(socket.remoteAddress);
        socket.pipe(socket);
      });
      const socket = suite.connect();
      socket.end('hello through the mesh');
      expect((await readAll(socket)).toString()).toBe('hello through the mesh');
      expect(seen).toEqual([suite.rig.client.address]);
      await until(() => suite.rig.of('connectionClosed').length === 2, 'both ends are closed');
      await suite.rig.settle();
      expect(suite.rig.of('connectionOpened')).toEqual([
        expect.objectContaining({
          direction: 'inbound',
          transport: 'hbone',
          peerIdentity: CLIENT_ID,
          destination: `${suite.rig.server.address}:15008`,
          actualDestination: suite.app,
        }),
        expect.objectContaining({
          direction: 'outbound',
          transport: 'hbone',
          peerIdentity: SERVER_ID,
          destination: suite.app,
          actualDestination: `${suite.rig.server.address}:15008`,
          targetId: 7,
        }),
      ]);
      for (const closed of suite.rig.of('connectionClosed')) {
        expect(closed).toMatchObject({ receivedBytes: 22, sentBytes: 22, flag: 'none', why: 'completed' });
      }
      const [question] = suite.rig.of('inboundVerdictNeeded');
      expect(question?.context).toMatchObject({
        authority: suite.app,
        baggage: 'k8s.namespace.name=shop',
        peerIdentity: CLIENT_ID,
        forwarded: expect.stringMatching(/^for="10\.213\.0\.2:\d+"$/) as string,
      });
    });

    it('delivers 8 MB of random bytes both ways, unchanged', async () => {
      await suite.start();
      const size = 8 * 1024 * 1024;
      const [there, back] = [randomBytes(size), randomBytes(size)];
      let arrived: (hash: string) => void = () => undefined;
      const received = new Promise<string>((resolve) => (arrived = resolve));
      await suite.serve((socket) => {
        void readAll(socket).then((bytes) => arrived(sha256(bytes)));
        socket.end(back);
      });
      const socket = suite.connect();
      const answer = readAll(socket);
      socket.end(there);
      expect(await received).toBe(sha256(there));
      expect(sha256(await answer)).toBe(sha256(back));
    });

    it('passes on a half-close: the server answers after the end of the request', async () => {
      await suite.start();
      await suite.serve((socket) => {
        void readAll(socket).then((bytes) => socket.end(`got ${bytes.length}`));
      });
      const socket = suite.connect();
      socket.end(Buffer.alloc(100_000));
      expect((await readAll(socket)).toString()).toBe('got 100000');
    });

    it('runs 64 connections at once over one tunnel', async () => {
      await suite.start();
      await suite.serveEcho();
      await Promise.all(
        Array.from({ length: 64 }, async (_, i) => {
          const bytes = randomBytes(20_000 + i);
          const socket = suite.connect();
          socket.end(bytes);
          expect(sha256(await readAll(socket))).toBe(sha256(bytes));
        }),
      );
      const ends = suite.rig.server
        .run('ss', ['-Htn', 'state', 'established', 'sport', '=', ':15008'])
        .trim()
        .split('\n');
      expect(ends).toHaveLength(1);
      expect(suite.rig.of('outboundPlanNeeded')).toHaveLength(1);
      expect(suite.rig.of('inboundVerdictNeeded')).toHaveLength(1);
    });
  });

  describe('IPv6', () => {
    const app6 = (): string => `[${suite.rig.server.address6}]:${APP_PORT}`;

    async function serve6(): Promise<(string | undefined)[]> {
      const seen: (string | undefined)[] = [];
      const server = await suite.rig.server.serve(
        APP_PORT,
        (socket) => {
          seen.push(socket.remoteAddress);
          socket.pipe(socket);
        },
        suite.rig.server.address6,
      );
      suite.atEnd(() => server.close());
      return seen;
    }

    it('goes by HBONE with the source address kept', async () => {
      await suite.start();
      const seen = await serve6();
      suite.rig.plan = (destination) =>
        suite.rig.hbonePlan(destination, { dial: `[${suite.rig.server.address6}]:15008` });
      suite.rig.verdict = ({ authority }) => ({ kind: 'allow', dial: authority!, preserveSource: true });
      const socket = suite.connect(app6());
      socket.end('six');
      expect((await readAll(socket)).toString()).toBe('six');
      expect(seen).toEqual([suite.rig.client.address6]);
      expect(suite.rig.of('outboundPlanNeeded')[0]?.destination).toBe(app6());
      const forwarded = suite.rig.of('inboundVerdictNeeded')[0]?.context.forwarded;
      expect(forwarded).toMatch(/^for="\[fd00:213::2\]:\d+"$/);
    });

    it('passes in plaintext with the source address kept', async () => {
      await suite.start();
      const seen = await serve6();
      suite.rig.plan = (destination) => ({ kind: 'plain', targets: [{ dial: destination, weight: 1, targetId: 1 }] });
      suite.rig.verdict = ({ destination }) => ({ kind: 'allow', dial: destination, preserveSource: true });
      const socket = suite.connect(app6());
      socket.end('six');
      expect((await readAll(socket)).toString()).toBe('six');
      expect(seen).toEqual([suite.rig.client.address6]);
    });

    it('an IPv4 service may be reached over an IPv6 tunnel; the application then sees the pod itself', async () => {
      await suite.start();
      const seen: (string | undefined)[] = [];
      await suite.serve((socket) => {
        seen.push(socket.remoteAddress);
        socket.pipe(socket);
      });
      suite.rig.plan = (destination) =>
        suite.rig.hbonePlan(destination, { dial: `[${suite.rig.server.address6}]:15008` });
      const socket = suite.connect();
      socket.end('mixed');
      expect((await readAll(socket)).toString()).toBe('mixed');
      expect(seen).toEqual([suite.rig.server.address]);
    });
  });

  describe('sizes', () => {
    it('no more connections share a tunnel than configured', async () => {
      const { http2 } = DEFAULT_LIMITS;
      await suite.start({ limits: { http2: { ...http2, frameBytes: 16_384, streamsPerTunnel: 2 } } });
      await suite.serveEcho();
      const sockets = Array.from({ length: 5 }, () => suite.connect());
      expect(await Promise.all(sockets.map((socket) => echo(socket)))).toEqual(sockets.map(() => 'ping'));
      const tunnels = suite.rig.server
        .run('ss', ['-Htn', 'state', 'established', 'sport', '=', ':15008'])
        .trim()
        .split('\n');
      expect(tunnels.length).toBeGreaterThanOrEqual(3);
    });
  });
});
