import type net from 'node:net';
import type { RevokedInTest } from '@weft/testing-certificates';
import { until } from '@weft/testing-fixtures';
import { CLIENT_ID, SERVER_ID } from '../testing/data-plane-rig.js';
import { DataPlaneSuite, echo } from '../testing/data-plane-suite.js';
import { ENGINE_NAMES } from './engine.js';
import type { ToWorker } from './messages.js';

/** `once` would reject with the reset. */
const closed = (socket: net.Socket): Promise<void> => new Promise((resolve) => socket.once('close', () => resolve()));

describe.each(ENGINE_NAMES)('%s engine', (engine) => {
  const suite = new DataPlaneSuite(engine);
  beforeEach(async () => {
    await suite.start();
    await suite.serve((socket) => socket.pipe(socket));
  });
  const connect = (): net.Socket => suite.connect().on('error', () => undefined);
  const trust = (change: Partial<Extract<ToWorker, { type: 'setPeerTrust' }>>): Promise<void> =>
    suite.rig.command({
      type: 'setPeerTrust',
      ...{ crl: '', issuersPem: [suite.rig.authority.rootsPem], distrustedRootsPem: '', trustDomains: [], ...change },
    });
  const revoke = (what: RevokedInTest): Promise<void> =>
    trust({ crl: Buffer.from(suite.rig.authority.crl(what)).toString('base64') });

  describe('a certificate that is taken back', () => {
    it.each<[string, () => RevokedInTest, direction: string]>([
      ['the client, by serial number', () => ({ serials: [suite.rig.identities.client.serial] }), 'inbound'],
      ['the server, by serial number', () => ({ serials: [suite.rig.identities.server.serial] }), 'outbound'],
      ['the client, by identity', () => ({ identities: [CLIENT_ID] }), 'inbound'],
      ['the server, by identity', () => ({ identities: [SERVER_ID] }), 'outbound'],
    ])('ends live connections of %s at once, flag CERT_REVOKED, and refuses new ones', async (_, what, direction) => {
      const live = connect();
      expect(await echo(live)).toBe('ping');
      await Promise.all([closed(live), revoke(what())]);
      await suite.rig.waitFor('connectionClosed', ({ flag }) => flag === 'CERT_REVOKED');
      const ended = suite.rig.of('connectionClosed').find(({ flag }) => flag === 'CERT_REVOKED');
      expect(ended?.error).toMatch(/^connection closed: peer certificate revoked by CRL: (certificate|identity)/);
      await closed(connect());
      const failed = await suite.rig.waitFor('connectionFailed', ({ flag }) => flag === 'CERT_REVOKED');
      expect(failed).toMatchObject({ direction });
    });

    it('does not touch the connections of others, and counts again when the list is lifted', async () => {
      const live = connect();
      expect(await echo(live)).toBe('ping');
      await revoke({ serials: ['abcdef'], identities: ['spiffe://cluster.local/ns/shop/sa/other'] });
      expect(await echo(live)).toBe('ping');
      await Promise.all([closed(live), revoke({ identities: [CLIENT_ID] })]);
      await revoke({});
      expect(await echo(connect())).toBe('ping');
    });

    it('is remembered for a worker that is started again', async () => {
      await revoke({ identities: [CLIENT_ID] });
      await suite.rig.crashWorker();
      await until(async () => {
        await closed(connect());
        return suite.rig.of('connectionFailed').some(({ flag }) => flag === 'CERT_REVOKED');
      }, 'the new worker refuses it');
      expect(suite.rig.of('connectionOpened')).toEqual([]);
    });
  });

  it('a root that is distrusted ends what leads to it, at once', async () => {
    const live = connect();
    expect(await echo(live)).toBe('ping');
    await Promise.all([closed(live), trust({ distrustedRootsPem: suite.rig.authority.rootsPem })]);
    const ended = await suite.rig.waitFor('connectionClosed', ({ flag }) => flag === 'CERT_REVOKED');
    expect(ended.error).toContain('the root of its chain is not trusted any more');
  });

  describe('trust domains', () => {
    it('that are aliases of each other are one mesh, on both sides; others are not', async () => {
      const renamed = await suite.rig.authority.issue(SERVER_ID.replace('cluster.local', 'new.example'));
      // The client's proxy still expects the old name; the server's workload already has the new one.
      suite.rig.dataPlane.send({ type: 'setIdentity', identity: renamed });
      const { spiffeId: sourceIdentity } = renamed;
      await suite.rig.command({
        type: 'updatePod',
        podUid: 'server',
        podIps: [suite.rig.server.address],
        sourceIdentity,
      });
      await closed(connect());
      await suite.rig.waitFor('connectionFailed', ({ flag }) => flag === 'IDENTITY_ERROR');
      await trust({ trustDomains: ['new.example', 'cluster.local'] });
      expect(await echo(connect())).toBe('ping');
    });
  });
});
