import { randomBytes } from 'node:crypto';
import { until } from '@weft/testing-fixtures';
import { DataPlaneSuite, echo, endOf, readAll, sha256 } from '../testing/data-plane-suite.js';
import { ENGINE_NAMES } from './engine.js';

describe.each(ENGINE_NAMES)('%s engine', (engine) => {
  const suite = new DataPlaneSuite(engine);

  describe('plaintext', () => {
    it('passes through on both sides, with the source address kept', async () => {
      await suite.start();
      suite.rig.plan = (destination) => ({ kind: 'plain', targets: [{ dial: destination, weight: 1, targetId: 9 }] });
      suite.rig.verdict = ({ destination }) => ({ kind: 'allow', dial: destination, preserveSource: true });
      const seen: (string | undefined)[] = [];
      await suite.serve((socket) => {
        seen.push(socket.remoteAddress);
        socket.pipe(socket);
      });
      const bytes = randomBytes(3_000_000);
      const socket = suite.connect();
      const answer = readAll(socket);
      socket.end(bytes);
      expect(sha256(await answer)).toBe(sha256(bytes));
      expect(seen).toEqual([suite.rig.client.address]);
      const [question] = suite.rig.of('inboundVerdictNeeded');
      expect(question?.context).toMatchObject({ transport: 'plaintext', destination: suite.app, peerIdentity: null });
      await until(() => suite.rig.of('connectionClosed').length === 2, 'both ends are closed');
      for (const closed of suite.rig.of('connectionClosed')) {
        expect(closed).toMatchObject({ receivedBytes: bytes.length, sentBytes: bytes.length, why: 'completed' });
      }
    });

    it('is refused inbound when the verdict says so', async () => {
      await suite.start();
      suite.rig.plan = (destination) => ({ kind: 'plain', targets: [{ dial: destination, weight: 1, targetId: 9 }] });
      suite.rig.verdict = () => ({ kind: 'deny', status: 401, reason: 'STRICT' });
      const served = jest.fn();
      await suite.serve(served);
      const socket = suite.connect();
      expect(await endOf(socket)).toBe('ECONNRESET');
      expect(await suite.rig.waitFor('connectionFailed')).toMatchObject({
        direction: 'inbound',
        reason: 'STRICT',
        flag: 'DENY',
      });
      expect(served).not.toHaveBeenCalled();
    });

    it('leaves connections alone that began before the enrolment', async () => {
      await suite.startEmpty();
      await suite.serveEcho();
      const before = suite.connect();
      expect(await echo(before)).toBe('ping');
      await suite.rig.enrol('client');
      await suite.rig.enrol('server');
      expect(await echo(before, 'pong')).toBe('pong');
      await suite.rig.settle();
      expect(suite.rig.of('connectionOpened')).toEqual([]);
      expect(await echo(suite.connect())).toBe('ping');
      await suite.rig.settle();
      expect(suite.rig.of('connectionOpened')).toHaveLength(2);
    });
  });
});
