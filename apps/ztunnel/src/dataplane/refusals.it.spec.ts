import { CLIENT_ID, SERVER_ID } from '../testing/data-plane-rig.js';
import { DataPlaneSuite, echo, endOf } from '../testing/data-plane-suite.js';
import { ENGINE_NAMES } from './engine.js';

describe.each(ENGINE_NAMES)('%s engine', (engine) => {
  const suite = new DataPlaneSuite(engine);

  describe('refusals', () => {
    it('a policy denial (401) resets the client and is reported by both ends', async () => {
      await suite.start();
      suite.rig.verdict = () => ({ kind: 'deny', status: 401, reason: 'policy shop/deny-all' });
      const served = jest.fn();
      await suite.serve(served);
      const socket = suite.connect();
      socket.write('secret');
      expect(await endOf(socket)).toBe('ECONNRESET');
      expect(await suite.rig.waitFor('connectionFailed', ({ direction }) => direction === 'inbound')).toMatchObject({
        reason: 'policy shop/deny-all',
        flag: 'DENY',
        peerIdentity: CLIENT_ID,
        inbound: { authority: suite.app },
      });
      expect(await suite.rig.waitFor('connectionFailed', ({ direction }) => direction === 'outbound')).toMatchObject({
        reason: 'http status: 401',
        flag: 'DENY',
        targetId: 7,
        peerIdentity: SERVER_ID,
      });
      await suite.rig.settle();
      expect(suite.rig.of('connectionOpened')).toEqual([]);
      expect(served).not.toHaveBeenCalled();
    });

    it('a refused connection to the application becomes 503 and CONNECT', async () => {
      await suite.start();
      const socket = suite.connect();
      expect(await endOf(socket)).toBe('ECONNRESET');
      expect(await suite.rig.waitFor('connectionFailed', ({ direction }) => direction === 'inbound')).toMatchObject({
        reason: `connect to the application at ${suite.app}: ECONNREFUSED`,
        flag: 'CONNECT',
      });
      expect(await suite.rig.waitFor('connectionFailed', ({ direction }) => direction === 'outbound')).toMatchObject({
        reason: 'http status: 503',
      });
    });

    it('a peer with another identity than expected gets no request', async () => {
      await suite.start();
      suite.rig.plan = (destination) =>
        suite.rig.hbonePlan(destination, { expected: ['spiffe://cluster.local/ns/shop/sa/other'] });
      expect(await endOf(suite.connect())).toBe('ECONNRESET');
      expect(await suite.rig.waitFor('connectionFailed', ({ direction }) => direction === 'outbound')).toMatchObject({
        reason: `identity mismatch: the peer is ${SERVER_ID}, expected spiffe://cluster.local/ns/shop/sa/other`,
        flag: 'IDENTITY_ERROR',
      });
      expect(suite.rig.of('inboundVerdictNeeded')).toEqual([]);
    });

    it('an empty list of expected identities never verifies', async () => {
      await suite.start();
      suite.rig.plan = (destination) => suite.rig.hbonePlan(destination, { expected: [] });
      expect(await endOf(suite.connect())).toBe('ECONNRESET');
      expect(await suite.rig.waitFor('connectionFailed')).toMatchObject({ flag: 'IDENTITY_ERROR' });
    });

    it('a client of another trust domain is refused after the handshake', async () => {
      await suite.start();
      const stranger = await suite.rig.authority.issue('spiffe://other.domain/ns/shop/sa/client');
      suite.rig.dataPlane.send({ type: 'setIdentity', identity: stranger });
      suite.rig.plan = (destination) =>
        ({ ...suite.rig.hbonePlan(destination), sourceIdentity: stranger.spiffeId }) as never;
      expect(await endOf(suite.connect())).toBe('ECONNRESET');
      expect(await suite.rig.waitFor('connectionFailed', ({ direction }) => direction === 'inbound')).toMatchObject({
        flag: 'IDENTITY_ERROR',
      });
    });

    it('nobody on 15008: the failure names the address', async () => {
      await suite.startEmpty();
      await suite.rig.enrol('client');
      expect(await endOf(suite.connect())).toBe('ECONNRESET');
      expect(await suite.rig.waitFor('connectionFailed')).toMatchObject({
        reason: 'connect to 10.213.0.3:15008: ECONNREFUSED',
        flag: 'CONNECT',
      });
    });

    it('no answer on 15008: the failure hints at a NetworkPolicy', async () => {
      await suite.start({ limits: { connectTimeoutMs: 300 } });
      suite.rig.plan = (destination) => suite.rig.hbonePlan(destination, { dial: '10.213.0.77:15008' });
      expect(await endOf(suite.connect())).toBe('ECONNRESET');
      expect(await suite.rig.waitFor('connectionFailed')).toMatchObject({
        reason: expect.stringContaining('NetworkPolicy') as string,
        flag: 'NETWORK_POLICY',
      });
    });

    it('a rejected plan and an unanswered question close the connection', async () => {
      await suite.start({ limits: { answerTimeoutMs: 1500 } });
      suite.rig.plan = (destination) =>
        destination.endsWith(':1') ? { kind: 'reject', reason: 'unknown service' } : null;
      expect(await endOf(suite.connect('10.213.0.3:1'))).toBe('ECONNRESET');
      expect(await endOf(suite.connect('10.213.0.3:2'))).toBe('ECONNRESET');
      await suite.rig.settle();
      expect(suite.rig.of('connectionFailed').map(({ reason }) => reason)).toEqual([
        'unknown service',
        'no plan for 10.213.0.3:2 after 1500 ms',
      ]);
    });

    it('a call of the proxy ports on loopback is a recursion', async () => {
      await suite.start();
      const socket = suite.connect('127.0.0.1:15001');
      expect(await endOf(socket)).toBe('ECONNRESET');
      expect(await suite.rig.waitFor('connectionFailed')).toMatchObject({
        reason: 'attempted recursive call to ourselves',
      });
    });

    it('an inbound request for a proxy port is refused', async () => {
      await suite.start();
      expect(await endOf(suite.connect('10.213.0.3:15001'))).toBe('ECONNRESET');
      expect(await suite.rig.waitFor('connectionFailed', ({ direction }) => direction === 'inbound')).toMatchObject({
        reason: "port 15001 is the proxy's own",
      });
    });
  });

  describe('a second target', () => {
    it('is tried when the first cannot be reached, and the client notices nothing', async () => {
      await suite.start();
      await suite.serveEcho();
      suite.rig.plan = (destination) => {
        const good = suite.rig.hbonePlan(destination) as Extract<
          ReturnType<typeof suite.rig.hbonePlan>,
          { kind: 'hbone' }
        >;
        const bad = { ...good.targets[0]!, dial: '10.213.0.2:9', weight: 1_000_000, targetId: 1 };
        return { ...good, targets: [bad, good.targets[0]!] };
      };
      expect(await echo(suite.connect())).toBe('ping');
      await suite.rig.settle();
      expect(suite.rig.of('connectionFailed')).toEqual([]);
      expect(suite.rig.of('connectionOpened').find(({ direction }) => direction === 'outbound')?.targetId).toBe(7);
    });

    it('is tried when the first has lost its application, before a byte was sent; a denial is final', async () => {
      await suite.start();
      await suite.serveEcho();
      let status: 401 | 503 = 503;
      const stale = '10.213.0.3:1';
      suite.rig.verdict = (context) =>
        context.authority === stale ? { kind: 'deny', status, reason: 'the stale one' } : suite.rig.allow(context);
      suite.rig.plan = (destination) => {
        const good = suite.rig.hbonePlan(destination) as Extract<
          ReturnType<typeof suite.rig.hbonePlan>,
          { kind: 'hbone' }
        >;
        const gone = { ...good.targets[0]!, authority: stale, weight: 1_000_000, targetId: 1 };
        return { ...good, targets: [gone, good.targets[0]!] };
      };
      expect(await echo(suite.connect())).toBe('ping');
      status = 401;
      await suite.rig.command({ type: 'invalidate' });
      expect(await endOf(suite.connect())).toBe('ECONNRESET');
    });

    it('may be outside of the mesh', async () => {
      await suite.start();
      suite.rig.verdict = ({ destination }) => ({ kind: 'allow', dial: destination, preserveSource: true });
      await suite.serveEcho();
      suite.rig.plan = (destination) => {
        const plan = suite.rig.hbonePlan(destination) as Extract<
          ReturnType<typeof suite.rig.hbonePlan>,
          { kind: 'hbone' }
        >;
        return { ...plan, targets: [], plainTargets: [{ dial: destination, weight: 1, targetId: 3 }] };
      };
      expect(await echo(suite.connect())).toBe('ping');
      await suite.rig.settle();
      expect(suite.rig.of('connectionOpened').find(({ direction }) => direction === 'outbound')).toMatchObject({
        transport: 'plaintext',
        targetId: 3,
      });
    });
  });
});
