import { once } from 'node:events';
import { DataPlaneSuite, echo, endOf } from '../testing/data-plane-suite.js';
import { ENGINE_NAMES } from './engine.js';
import type { OutboundPlan } from './messages.js';

const ASLEEP: OutboundPlan = { kind: 'hold', reason: 'waypoint shop/w is asleep', targetId: 7 };
const BURST = 200;

describe.each(ENGINE_NAMES)('%s engine: connections to a waypoint that is asleep', (engine) => {
  const suite = new DataPlaneSuite(engine);
  const held = (count: number) => suite.rig.waitFor('connectionsHeld', (message) => message.count === count);

  it('are held, however many, and go on when it is ready, without losing what was sent meanwhile', async () => {
    const rig = await suite.start();
    await suite.serveEcho();
    rig.plan = () => ASLEEP;
    const sockets = Array.from({ length: BURST }, () => suite.connect());
    const answers = sockets.map((socket, index) => echo(socket, `hello ${index}`));
    await held(BURST);
    rig.plan = (destination) => rig.hbonePlan(destination);
    rig.dataPlane.send({ type: 'invalidate', podUid: 'client' });
    expect(await Promise.all(answers)).toEqual(sockets.map((_, index) => `hello ${index}`));
    await held(0);
    expect(rig.of('connectionFailed')).toEqual([]);
  });

  it('stay held when the answer after a change is the same, and end at the limit of time with the reason', async () => {
    const rig = await suite.start({ limits: { holdTimeoutMs: 500 } });
    rig.plan = () => ASLEEP;
    const end = endOf(suite.connect());
    await held(1);
    await rig.command({ type: 'invalidate' });
    expect(await end).toBe('ECONNRESET');
    expect(await rig.waitFor('connectionFailed')).toMatchObject({
      reason: 'waypoint shop/w is asleep: not started within 500 ms',
      flag: 'CONNECT',
      waypoint: 'start_timeout',
      targetId: 7,
    });
  });

  it('beyond the limit of number are refused at once, with the reason', async () => {
    const rig = await suite.start({ limits: { maxHeld: 1 } });
    rig.plan = () => ASLEEP;
    suite.connect();
    await held(1);
    expect(await endOf(suite.connect())).toBe('ECONNRESET');
    expect(await rig.waitFor('connectionFailed')).toMatchObject({
      reason: 'waypoint shop/w is asleep: 1 connections wait already',
      waypoint: 'too_many_held',
    });
  });

  it('that the client gives up are not held any longer', async () => {
    const rig = await suite.start();
    rig.plan = () => ASLEEP;
    const socket = suite.connect();
    await once(socket, 'connect');
    await held(1);
    socket.resetAndDestroy();
    await held(0);
  });

  it('end with their pod', async () => {
    const rig = await suite.start();
    rig.plan = () => ASLEEP;
    const end = endOf(suite.connect());
    await held(1);
    rig.dataPlane.send({ type: 'removePod', podUid: 'client' });
    expect(await end).toBe('ECONNRESET');
    await held(0);
  });
});
