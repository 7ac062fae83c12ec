import { duplicateDescriptor } from '@weft/linux';
import { until } from '@weft/testing-fixtures';
import { CLIENT_ID, SERVER_ID, type DataPlaneRig } from '../testing/data-plane-rig.js';
import { DataPlaneSuite, echo, endOf } from '../testing/data-plane-suite.js';
import { ENGINE_NAMES } from './engine.js';
import type { OutboundPlan } from './messages.js';

function renamePod(rig: DataPlaneRig, podUid: 'client' | 'server', sourceIdentity: string): void {
  rig.dataPlane.send({ type: 'updatePod', podUid, podIps: [rig[podUid].address], sourceIdentity });
}

describe.each(ENGINE_NAMES)('%s engine', (engine) => {
  const suite = new DataPlaneSuite(engine);

  describe('commands', () => {
    it('closeConnections ends exactly the named ones, with the flag', async () => {
      await suite.start();
      await suite.serveEcho();
      const [doomed, other] = [suite.connect(), suite.connect()];
      expect(await echo(doomed)).toBe('ping');
      const port = doomed.localPort;
      expect(await echo(other)).toBe('ping');
      await suite.rig.settle();
      const { connectionId, counterSlot } = suite.rig
        .of('connectionOpened')
        .find(({ direction, source }) => direction === 'outbound' && source.endsWith(`:${port}`))!;
      const ended = endOf(doomed);
      suite.rig.dataPlane.send({
        type: 'closeConnections',
        connections: [{ connectionId, counterSlot }],
        reason: 'policy shop/deny-all',
        flag: 'DENY',
      });
      expect(await ended).toBe('ECONNRESET');
      expect(
        await suite.rig.waitFor('connectionClosed', (closed) => closed.connectionId === connectionId),
      ).toMatchObject({
        flag: 'DENY',
        why: 'policy shop/deny-all',
      });
      expect(await echo(other, 'still')).toBe('still');
    });

    it('removePod ends the listeners and connections of the pod at once', async () => {
      await suite.start();
      await suite.serveEcho();
      const socket = suite.connect();
      expect(await echo(socket)).toBe('ping');
      const ended = endOf(socket);
      suite.rig.dataPlane.send({ type: 'removePod', podUid: 'server' });
      expect(await ended).toBe('ECONNRESET');
      await until(() => suite.rig.of('connectionClosed').length === 2, 'both ends are closed');
      expect(suite.rig.server.run('ss', ['-Hltn', 'sport', '=', ':15008'])).toBe('');
      expect(suite.rig.client.run('ss', ['-Hltn', 'sport', '=', ':15001'])).toContain('15001');
    });

    it('invalidate makes the worker ask again', async () => {
      await suite.start();
      await suite.serveEcho();
      await echo(suite.connect());
      await echo(suite.connect());
      expect(suite.rig.of('outboundPlanNeeded')).toHaveLength(1);
      await suite.rig.command({ type: 'invalidate' });
      await echo(suite.connect());
      expect(suite.rig.of('outboundPlanNeeded')).toHaveLength(2);
      expect(suite.rig.of('inboundVerdictNeeded')).toHaveLength(2);
    });

    it('drain lets open connections finish, takes no new ones, and says when it is done', async () => {
      await suite.start({ workers: 2 });
      await suite.serveEcho();
      const socket = suite.connect();
      expect(await echo(socket)).toBe('ping');
      suite.rig.dataPlane.send({ type: 'drain' });
      await until(() => suite.rig.client.run('ss', ['-Hltn', 'sport', '=', ':15001']) === '', 'nothing listens');
      expect(await endOf(suite.connect())).toBe('ECONNREFUSED');
      expect(await echo(socket, 'still')).toBe('still');
      expect(suite.rig.of('drained')).toEqual([]);
      socket.end();
      await suite.rig.waitFor('drained');
    });

    it('a rotated identity serves new handshakes while the open tunnel goes on', async () => {
      await suite.start();
      await suite.serveEcho();
      const socket = suite.connect();
      await echo(socket);
      const other = await suite.rig.authority.issue(SERVER_ID);
      suite.rig.dataPlane.send({ type: 'setIdentity', identity: other });
      // Another expectation wants another tunnel.
      suite.rig.plan = (destination) => suite.rig.hbonePlan(destination, { expected: [SERVER_ID, CLIENT_ID] });
      await suite.rig.command({ type: 'invalidate' });
      expect(await echo(suite.connect())).toBe('ping');
      expect(await echo(socket, 'still')).toBe('still');
    });

    it('tunnels to a workload that is gone end at once, and the next connection dials again', async () => {
      await suite.start();
      await suite.serveEcho();
      const socket = suite.connect();
      await echo(socket);
      suite.rig.dataPlane.send({ type: 'evictTunnels', addresses: ['10.213.0.3'] });
      expect(await endOf(socket)).not.toBe('');
      await suite.rig.settle();
      expect(suite.rig.of('connectionClosed').map(({ error }) => error)).toContainEqual(
        expect.stringContaining('the workload at 10.213.0.3:15008 is gone'),
      );
      expect(await echo(suite.connect())).toBe('ping');
    });

    it('a connection waits for an identity that is not loaded yet', async () => {
      await suite.start();
      await suite.serveEcho();
      await suite.rig.command({ type: 'dropIdentity', spiffeId: CLIENT_ID });
      const answer = echo(suite.connect());
      expect(await suite.rig.waitFor('identityNeeded')).toMatchObject({ spiffeId: CLIENT_ID });
      suite.rig.dataPlane.send({ type: 'setIdentity', identity: suite.rig.identities.client });
      expect(await answer).toBe('ping');
    });

    it('a pod that gets another name while its connection is on its way loses nothing: it is planned again', async () => {
      const rig = await suite.start();
      await suite.serveEcho();
      const renamed = await rig.authority.issue('spiffe://cluster.local/ns/shop/sa/renamed');
      const rename = (): void => {
        rig.plan = (destination) =>
          ({ ...rig.hbonePlan(destination), sourceIdentity: renamed.spiffeId }) as OutboundPlan;
        rig.dataPlane.send({ type: 'setIdentity', identity: renamed });
        renamePod(rig, 'client', renamed.spiffeId);
        rig.dataPlane.send({ type: 'dropIdentity', spiffeId: CLIENT_ID });
      };
      rig.plan = (destination) => {
        // Behind the plan, which still has the name of before, and so while it is dialled.
        queueMicrotask(rename);
        return rig.hbonePlan(destination);
      };
      expect(await echo(suite.connect())).toBe('ping');
      await rig.settle();
      // The server's side may tell of a connection that was given up before its handshake.
      expect(rig.of('connectionFailed').filter(({ direction }) => direction === 'outbound')).toEqual([]);
    });

    it('whoever waits for a name that is given up is served by the next one, at both ends', async () => {
      const rig = await suite.start();
      await suite.serveEcho();
      const renamed = await rig.authority.issue('spiffe://cluster.local/ns/shop/sa/renamed');
      const other = await rig.authority.issue('spiffe://cluster.local/ns/shop/sa/other');
      for (const spiffeId of [CLIENT_ID, SERVER_ID]) await rig.command({ type: 'dropIdentity', spiffeId });
      const answer = echo(suite.connect());
      await rig.waitFor('identityNeeded', ({ spiffeId }) => spiffeId === CLIENT_ID);
      rig.plan = (destination) =>
        ({
          ...rig.hbonePlan(destination, { expected: [other.spiffeId] }),
          sourceIdentity: renamed.spiffeId,
        }) as OutboundPlan;
      renamePod(rig, 'client', renamed.spiffeId);
      rig.dataPlane.send({ type: 'setIdentity', identity: renamed });
      rig.dataPlane.send({ type: 'dropIdentity', spiffeId: CLIENT_ID });
      await rig.waitFor('identityNeeded', ({ spiffeId }) => spiffeId === SERVER_ID);
      renamePod(rig, 'server', other.spiffeId);
      rig.dataPlane.send({ type: 'dropIdentity', spiffeId: SERVER_ID });
      await rig.waitFor('identityNeeded', ({ spiffeId }) => spiffeId === other.spiffeId);
      rig.dataPlane.send({ type: 'setIdentity', identity: other });
      expect(await answer).toBe('ping');
      expect(rig.of('connectionFailed')).toEqual([]);
    });

    it('a pod of which only tunnels are served has no other listener', async () => {
      await suite.start();
      await suite.serveEcho();
      suite.rig.dataPlane.send({ type: 'removePod', podUid: 'server' });
      const listening = (): string => suite.rig.server.run('ss', ['-Hltn']);
      await until(() => !listening().includes(':15008'), 'the listeners are closed');
      suite.rig.dataPlane.send({
        type: 'addPod',
        podUid: 'own',
        netnsFd: duplicateDescriptor(suite.rig.server.fd),
        podIps: [],
        sourceIdentity: SERVER_ID,
        listeners: 'hbone',
      });
      await suite.rig.waitFor('podAdded', ({ podUid }) => podUid === 'own');
      expect(listening()).toContain(':15008');
      expect(listening()).not.toMatch(/:1500[16]/);
      expect(await echo(suite.connect())).toBe('ping');
    });

    it('a worker is profiled while it works, and goes on', async () => {
      const { dataPlane } = await suite.start();
      await suite.serveEcho();
      const socket = suite.connect();
      expect(await echo(socket)).toBe('ping');
      const cpu = dataPlane.profile(0, 'cpu', 500);
      for (let i = 0; i < 50; i++) await echo(socket, `${i}`);
      const profile = JSON.parse((await cpu)!) as { nodes: { callFrame: { functionName: string } }[] };
      expect(profile.nodes.map(({ callFrame }) => callFrame.functionName)).toContain('(root)');
      expect(JSON.parse((await dataPlane.profile(0, 'heap', 100))!)).toHaveProperty('head');
      expect(await dataPlane.profile(9, 'cpu', 100)).toBeNull();
      expect(await echo(socket, 'still')).toBe('still');
    });

    it('podFailed when a port is taken, and adding the pod again succeeds once it is free', async () => {
      await suite.startEmpty();
      const squatter = await suite.rig.server.serve(15_006, () => undefined, '0.0.0.0');
      suite.rig.addPod('server');
      expect(await suite.rig.waitFor('podFailed')).toMatchObject({
        podUid: 'server',
        error: expect.stringContaining('EADDRINUSE') as string,
      });
      await new Promise((resolve) => squatter.close(resolve));
      suite.rig.addPod('server');
      await suite.rig.waitFor('podAdded');
      suite.rig.addPod('server');
      await until(() => suite.rig.of('podAdded').length === 2, 'the pod is there already');
    });
  });
});
