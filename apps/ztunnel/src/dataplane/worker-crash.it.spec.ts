import type net from 'node:net';
import { until } from '@weft/testing-fixtures';
import { DataPlaneSuite, echo, endOf } from '../testing/data-plane-suite.js';
import { ENGINE_NAMES } from './engine.js';
import { CLOSED_BY_WORKER_END } from './messages.js';

const THROW = 1;
const OUT_OF_MEMORY = 2;

describe.each(ENGINE_NAMES)('%s engine', (engine) => {
  const suite = new DataPlaneSuite(engine, '../testing/crashing-data-plane.ts');

  /** Makes the thread of a worker die by its own doing. */
  const crash = (worker: number, how: number): void => {
    const cells = suite.rig.dataPlane.counters[worker]!;
    cells[cells.length - 1] = how;
    // Whatever it does next, it looks at the clock.
    suite.rig.dataPlane.send({ type: 'report', reportId: 0 }, worker);
  };
  /** Which worker has the connection: ids go round the workers. */
  async function workerOf(socket: net.Socket): Promise<number> {
    await suite.rig.settle();
    const source = `${suite.rig.client.address}:${socket.localPort}`;
    const opened = suite.rig.of('connectionOpened').find((told) => told.source === source);
    return opened!.connectionId % suite.rig.dataPlane.counters.length;
  }

  it.each([
    ['an exception that nobody catches', THROW, 'exception'],
    ['no memory left', OUT_OF_MEMORY, 'memory'],
  ] as const)(
    '%s ends one worker: its connections close, the others go on, and it comes back',
    async (_, how, cause) => {
      const rig = await suite.startEmpty({ workers: 2 });
      await rig.enrol('client');
      // One proxy between client and server, so that one worker has all of a connection.
      rig.plan = (destination) => ({ kind: 'plain', targets: [{ dial: destination, weight: 1, targetId: 1 }] });
      await suite.serveEcho();
      const sockets = Array.from({ length: 24 }, () => suite.connect());
      for (const socket of sockets) expect(await echo(socket)).toBe('ping');
      const workers = await Promise.all(sockets.map(workerOf));
      const doomed = sockets.filter((_socket, i) => workers[i] === 0);
      const others = sockets.filter((_socket, i) => workers[i] === 1);
      expect(doomed.length).toBeGreaterThan(0);
      expect(others.length).toBeGreaterThan(0);
      const ends = doomed.map(endOf);
      crash(0, how);
      expect(await rig.waitFor('workerLost', () => true, 30_000)).toMatchObject({ cause });
      await Promise.all(ends);
      for (const socket of others) expect(await echo(socket, 'still')).toBe('still');
      await rig.settle();
      const lost = rig.of('connectionClosed').filter(({ why }) => why === CLOSED_BY_WORKER_END);
      expect(lost.map(({ connectionId }) => connectionId % 2)).toEqual(doomed.map(() => 0));
      expect(rig.of('workerLost')[0]?.openConnections).toBe(doomed.length);
      // It listens again, and has its pods and identities.
      const listeners = (): string[] => rig.client.run('ss', ['-Hltn', 'sport', '=', ':15001']).trim().split('\n');
      await until(() => listeners().length === 2, 'two workers listen', 20_000);
      await rig.enrol('server');
      rig.plan = (destination) => rig.hbonePlan(destination);
      await rig.command({ type: 'invalidate' });
      for (let i = 0; i < 8; i++) expect(await echo(suite.connect())).toBe('ping');
      for (const socket of others) expect(await echo(socket, 'on')).toBe('on');
    },
  );

  it('an answer to a dead worker is not taken for one to its successor', async () => {
    const rig = await suite.start();
    await suite.serveEcho();
    rig.plan = () => null;
    const waiting = suite.connect();
    const ended = endOf(waiting);
    const asked = await rig.waitFor('outboundPlanNeeded');
    crash(0, THROW);
    await rig.waitFor('workerLost');
    await ended;
    await until(() => rig.server.run('ss', ['-Hltn', 'sport', '=', ':15001']) !== '', 'the worker listens again');
    const next = suite.connect();
    await until(() => rig.of('outboundPlanNeeded').length === 2, 'the successor asks');
    rig.dataPlane.send({
      type: 'outboundPlan',
      requestId: asked.requestId,
      plan: { kind: 'reject', reason: 'late, for somebody else' },
    });
    const own = rig.of('outboundPlanNeeded')[1]!;
    rig.dataPlane.send({ type: 'outboundPlan', requestId: own.requestId, plan: rig.hbonePlan(own.destination) });
    expect(await echo(next)).toBe('ping');
    expect(rig.of('connectionFailed').map(({ reason }) => reason)).not.toContain('late, for somebody else');
  });
});
