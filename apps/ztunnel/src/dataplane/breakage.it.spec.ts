import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import type net from 'node:net';
import { until } from '@weft/testing-fixtures';
import { APP_PORT } from '../testing/data-plane-rig.js';
import { DataPlaneSuite, echo, endOf } from '../testing/data-plane-suite.js';
import { ENGINE_NAMES } from './engine.js';

describe.each(ENGINE_NAMES)('%s engine', (engine) => {
  const suite = new DataPlaneSuite(engine);

  describe('when things break', () => {
    it('a client that resets makes the application see a reset', async () => {
      await suite.start();
      const ended = new Promise<string>((resolve) => {
        void suite.serve((socket) => {
          void endOf(socket).then(resolve);
          socket.write('x');
        });
      });
      const socket = suite.connect();
      await once(socket, 'data');
      socket.resetAndDestroy();
      expect(await ended).toBe('ECONNRESET');
    });

    it('a client that resets after its end leaves nothing open at either end', async () => {
      await suite.start();
      await suite.serve((socket) => {
        socket.on('error', () => undefined);
        socket.on('end', () => socket.write('the end was seen'));
        socket.resume();
      });
      const socket = suite.connect();
      socket.end('x');
      await once(socket, 'data');
      socket.resetAndDestroy();
      await allClosed(suite);
    });

    it.each(['a tunnel', 'plaintext'])(
      'a client that resets in the middle of what nobody takes, over %s',
      async (path) => {
        await suite.start();
        if (path === 'plaintext') {
          const plain = { weight: 1, targetId: 7, dial: suite.app };
          suite.rig.plan = () => ({ kind: 'plain', targets: [plain] });
        }
        await suite.serve((socket) => socket.pause());
        const socket = suite.connect();
        const bytes = randomBytes(1024 * 1024);
        const fill = (): void => {
          while (socket.write(bytes));
          socket.once('drain', fill);
        };
        fill();
        await stalled(suite, socket);
        socket.resetAndDestroy();
        await allClosed(suite);
        const open = (): string =>
          suite.rig.server.run('ss', ['-Htn', 'state', 'established', 'sport', '=', `:${APP_PORT}`]);
        expect(open()).toBe('');
      },
    );

    it('a reset reaches an application that has not got all of what came before it', async () => {
      await suite.start();
      const ended = new Promise<string>((resolve) => {
        void suite.serve((socket) => {
          void endOf(socket).then(resolve);
          socket.write('x');
        });
      });
      const socket = suite.connect();
      await once(socket, 'data');
      const { server } = suite.rig;
      const lost = [
        'INPUT',
        '-p',
        'tcp',
        '--dport',
        String(APP_PORT),
        '-m',
        'length',
        '--length',
        '1000:',
        '-j',
        'DROP',
      ];
      server.run('iptables', ['-A', ...lost]);
      const bytes = randomBytes(10_000);
      socket.write(bytes);
      await until(
        () => suite.rig.dataPlane.counters[0]!.filter((cell) => cell === bytes.length).length === 2,
        'both proxies passed it on',
      );
      socket.resetAndDestroy();
      await allClosed(suite);
      server.run('iptables', ['-D', ...lost]);
      expect(await ended).toBe('ECONNRESET');
    });

    it('an application that resets makes the client see a reset', async () => {
      await suite.start();
      await suite.serve((socket) => socket.on('data', () => socket.resetAndDestroy()));
      const socket = suite.connect();
      socket.write('x');
      expect(await endOf(socket)).toBe('ECONNRESET');
      await until(() => suite.rig.of('connectionClosed').length === 2, 'both ends are closed');
      expect(suite.rig.of('connectionClosed').map(({ why }) => why)).toContain('reset by the application');
    });

    it('a worker that dies is started again with its pods and identities, and its connections are accounted for', async () => {
      await suite.start();
      await suite.serveEcho();
      const socket = suite.connect();
      await echo(socket);
      const ended = endOf(socket);
      await suite.rig.settle();
      await suite.rig.crashWorker();
      expect(await ended).toMatch(/ECONNRESET|end/);
      expect(suite.rig.of('connectionClosed').map(({ why }) => why)).toEqual([
        'the data plane worker ended',
        'the data plane worker ended',
      ]);
      await until(
        () => suite.rig.server.run('ss', ['-Hltn', 'sport', '=', ':15008']) !== '',
        'the worker listens again',
      );
      expect(await echo(suite.connect())).toBe('ping');
    });

    it('a peer that sends anything but TLS costs only its own connection', async () => {
      await suite.start();
      await suite.serveEcho();
      for (const bytes of [randomBytes(500), Buffer.from('GET / HTTP/1.1\r\n\r\n'), Buffer.alloc(20_000)]) {
        const socket = suite.rig.client.connect('10.213.0.3:15008', { mark: 0x539 });
        suite.atEnd(() => socket.destroy());
        socket.write(bytes);
        await endOf(socket);
      }
      await suite.rig.settle();
      expect(suite.rig.of('connectionFailed').map(({ flag }) => flag)).toEqual([
        'TLS_FAILURE',
        'TLS_FAILURE',
        'TLS_FAILURE',
      ]);
      expect(await echo(suite.connect())).toBe('ping');
    });

    it('a handshake that never comes is given up', async () => {
      await suite.start({ limits: { handshakeTimeoutMs: 200 } });
      const socket = suite.rig.client.connect('10.213.0.3:15008', { mark: 0x539 });
      suite.atEnd(() => socket.destroy());
      await endOf(socket);
      expect(await suite.rig.waitFor('connectionFailed')).toMatchObject({ flag: 'TLS_FAILURE' });
    });

    it('holds back a sender whose receiver does not read, and loses nothing', async () => {
      await suite.start();
      let served: net.Socket | null = null;
      await suite.serve((socket) => (served = socket.pause()));
      const socket = suite.connect();
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
      await until(() => served !== null, 'the application is reached');
      expect(await stalled(suite, socket)).toBeLessThan(2 * 40 * 1024 * 1024);
      const hash = createHash('sha256');
      served!.on('data', (chunk: Buffer) => hash.update(chunk)).resume();
      await once(served!, 'end');
      const expected = createHash('sha256');
      for (let i = 0; i < sent / bytes.length; i++) expected.update(bytes);
      expect(hash.digest('hex')).toBe(expected.digest('hex'));
    });
  });
});

/** One connection, at both proxies. */
async function allClosed({ rig }: DataPlaneSuite): Promise<void> {
  const closed = async (): Promise<boolean> => {
    await rig.settle();
    return rig.of('connectionClosed').length === 2;
  };
  await until(closed, 'both proxies have closed it');
}

const STILL_LOOKS = 20;

/** Resolves once the sender is held back and nothing moves any more, with the bytes that both proxies have counted. */
async function stalled(suite: DataPlaneSuite, sender: net.Socket): Promise<number> {
  let before = -1;
  let looks = 0;
  await until(() => {
    const now = suite.rig.dataPlane.counters[0]!.reduce((sum, cell) => sum + cell, 0);
    looks = now === before && now > 0 && sender.writableLength > 0 ? looks + 1 : 0;
    before = now;
    return looks === STILL_LOOKS;
  }, 'nothing moves any more');
  return before;
}
