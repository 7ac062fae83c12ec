import type net from 'node:net';
import { until } from '@weft/testing-fixtures';
import { DataPlaneSuite, echo, endOf } from '../testing/data-plane-suite.js';
import { ENGINE_NAMES } from './engine.js';
import { CLOSED_BY_WORKER_END } from './messages.js';

jest.setTimeout(60_000);

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
  /** Which worker has the connection, at both ends: ids go round the workers. */
  async function workersOf(socket: net.Socket): Promise<ReadonlySet<number>> {
    await suite.rig.dataPlane.settle();
    const source = `${suite.rig.client.address}:${socket.localPort}`;
    const told = suite.rig
      .of('connectionOpened')
      .filter((opened) => opened.source === source || opened.inbound?.forwarded === `for="${source}"`);
    return new Set(told.map(({ connectionId }) => connectionId % suite.rig.dataPlane.counters.length));
  }

  it.each([
    ['an exception that nobody catches', THROW, 'exception'],
    ['no memory left', OUT_OF_MEMORY, 'memory'],
  ] as const)(
    '%s ends one worker: its connections close, the others go on, and it comes back',
    async (_, how, cause) => {
      await suite.start({ workers: 2 });
      await suite.serveEcho();
      const sockets = Array.from({ length: 24 }, () => suite.connect());
      for (const socket of sockets) expect(await echo(socket)).toBe('ping');
      const onBoth = await Promise.all(sockets.map(workersOf));
      const doomed = sockets.filter((_socket, i) => onBoth[i]!.has(0));
      const others = sockets.filter((_socket, i) => !onBoth[i]!.has(0));
      expect(doomed.length).toBeGreaterThan(0);
      const ends = doomed.map(endOf);
      crash(0, how);
      expect(await suite.rig.waitFor('workerLost', () => true, 20_000)).toMatchObject({ cause });
      expect(new Set(await Promise.all(ends))).not.toContain(undefined);
      for (const socket of others) expect(await echo(socket, 'still')).toBe('still');
      await suite.rig.dataPlane.settle();
      const lost = suite.rig.of('connectionClosed').filter(({ why }) => why === CLOSED_BY_WORKER_END);
      expect(lost).toHaveLength(suite.rig.of('workerLost')[0]!.openConnections);
      expect(lost.every(({ connectionId }) => connectionId % 2 === 0)).toBe(true);
      // Both listen again, on all three ports, and nothing of the dead one is left.
      const listeners = (): string[] =>
        suite.rig.server.run('ss', ['-Hltn', 'sport', '=', ':15008']).trim().split('\n');
      await until(() => listeners().length === 2, 'two workers listen');
      for (let i = 0; i < 8; i++) expect(await echo(suite.connect())).toBe('ping');
      for (const socket of others) expect(await echo(socket, 'on')).toBe('on');
      const open = suite.rig.server.run('ss', ['-Htn', 'state', 'close-wait']).trim();
      expect(open).toBe('');
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
