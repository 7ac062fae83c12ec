import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import type net from 'node:net';
import { duplicateDescriptor } from '@weft/linux';
import { createLogger } from '@weft/runtime';
import { until } from '@weft/testing-fixtures';
import { CLIENT_ID, SERVER_ID } from '../testing/data-plane-rig.js';
import { DataPlaneSuite, echo, endOf, readAll, sha256 } from '../testing/data-plane-suite.js';
import { DataPlane } from './dataplane.js';
import type { EngineName } from './engine.js';
import type { FromWorker } from './messages.js';

// The client's node runs one engine, the server's node the other.

const PAIRS: readonly (readonly [client: EngineName, server: EngineName])[] = [
  ['ffi', 'portable'],
  ['portable', 'ffi'],
];

describe.each(PAIRS)('%s to %s', (client, server) => {
  const suite = new DataPlaneSuite(client);

  async function start(): Promise<FromWorker[]> {
    const rig = await suite.startEmpty();
    await rig.enrol('client');
    const told: FromWorker[] = [];
    const other = new DataPlane({
      workers: 1,
      engine: server,
      entry: suite.entry,
      log: createLogger('test', 'error'),
      onMessage: (message, worker) => {
        told.push(message);
        if (message.type !== 'inboundVerdictNeeded') return;
        const verdict = rig.allow(message.context);
        other.send({ type: 'inboundVerdict', requestId: message.requestId, verdict }, worker);
      },
    });
    await other.start();
    const stopped = (): void => void other.stop(AbortSignal.timeout(3000));
    suite.atEnd(stopped);
    other.send({ type: 'setIdentity', identity: rig.identities.server });
    rig.server.enrol();
    other.send({
      type: 'addPod',
      podUid: 'server',
      netnsFd: duplicateDescriptor(rig.server.fd),
      podIps: [rig.server.address],
      sourceIdentity: SERVER_ID,
    });
    await until(() => told.some(({ type }) => type === 'podAdded'), 'the server is enrolled');
    return told;
  }

  /** Pieces of 1 byte to 64 KiB, as the bytes themselves say. */
  async function sendInPieces(socket: net.Socket, bytes: Buffer): Promise<void> {
    for (let at = 0; at < bytes.length;) {
      const end = Math.min(bytes.length, at + 1 + (bytes[at]! << 8));
      if (!socket.write(bytes.subarray(at, end))) await once(socket, 'drain');
      at = end;
    }
    socket.end();
  }

  it('16 MB each way in random pieces arrive unchanged, on several connections at once', async () => {
    const told = await start();
    await suite.serve((socket) => socket.pipe(socket));
    await Promise.all(
      Array.from({ length: 4 }, async () => {
        const bytes = randomBytes(4 * 1024 * 1024);
        const socket = suite.connect();
        const answer = readAll(socket);
        await sendInPieces(socket, bytes);
        expect(sha256(await answer)).toBe(sha256(bytes));
      }),
    );
    const opened = told.find(({ type }) => type === 'connectionOpened');
    expect(opened).toMatchObject({ direction: 'inbound', transport: 'hbone', peerIdentity: CLIENT_ID });
  });

  it('half-close and resets go through in both directions', async () => {
    await start();
    await suite.serve((socket) => {
      let asked = '';
      socket.on('data', (chunk: Buffer) => {
        asked += chunk.toString();
        if (asked === 'reset') socket.resetAndDestroy();
        else socket.write('x');
      });
      socket.on('end', () => socket.end(`got ${asked.length}`));
    });
    const half = suite.connect();
    half.end(Buffer.alloc(5000, 'a'));
    expect((await readAll(half)).toString()).toMatch(/got 5000$/);
    const reset = suite.connect();
    reset.write('reset');
    expect(await endOf(reset)).toBe('ECONNRESET');
    const client2 = suite.connect();
    expect(await echo(client2, 'a')).toBe('x');
    client2.resetAndDestroy();
    await until(async () => {
      await suite.rig.settle();
      return suite.rig.of('connectionClosed').length === 3;
    }, 'all three are closed');
  });
});
