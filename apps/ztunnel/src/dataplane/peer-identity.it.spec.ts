import { once } from 'node:events';
import tls from 'node:tls';
import { until } from '@weft/testing-fixtures';
import { TestAuthority, type TestIdentity } from '@weft/testing-certificates';
import { CLIENT_ID, SERVER_ID } from '../testing/data-plane-rig.js';
import { DataPlaneSuite, echo, endOf } from '../testing/data-plane-suite.js';
import { meshTls } from '../testing/raw-http2.js';
import { ENGINE_NAMES } from './engine.js';

// Who may speak to whom, in both directions. A peer that is refused gets no answer to any request.

const HOUR_MS = 3_600_000;

interface BadCertificate {
  readonly what: string;
  /** Made for the side under attack's own mesh; `id` is who it would like to be. */
  readonly make: (authority: TestAuthority, id: string) => Promise<TestIdentity>;
  readonly flag: 'TLS_FAILURE' | 'IDENTITY_ERROR';
  readonly reason: RegExp;
}

const foreign = async (id: string, rootsPem: string): Promise<TestIdentity> => {
  const stranger = await TestAuthority.create();
  return { ...(await stranger.issue(id)), rootsPem };
};

const BAD: readonly BadCertificate[] = [
  {
    what: 'an expired certificate',
    make: (authority, id) => authority.issue(id, { at: Date.now() - 2 * HOUR_MS, ttlMs: HOUR_MS }),
    flag: 'TLS_FAILURE',
    reason: /certificate has expired/,
  },
  {
    what: 'a certificate of another root with the right name',
    make: (authority, id) => foreign(id, authority.rootsPem),
    flag: 'TLS_FAILURE',
    reason: /peer certificate refused/,
  },
  {
    what: 'another trust domain',
    make: (authority, id) => authority.issue(id, { uri: id.replace('cluster.local', 'other.domain') }),
    flag: 'IDENTITY_ERROR',
    reason: /other\.domain/,
  },
  {
    what: 'a SAN with NUL after the right name (CVE-2025-66220)',
    make: (authority, id) => authority.issue(id, { uri: `${id}\0.evil.example` }),
    flag: 'IDENTITY_ERROR',
    reason: /./,
  },
  {
    what: 'a SAN with NUL at its end',
    make: (authority, id) => authority.issue(id, { uri: `${id}\0` }),
    flag: 'IDENTITY_ERROR',
    reason: /./,
  },
  {
    what: 'a SAN that is no SPIFFE ID',
    make: (authority, id) => authority.issue(id, { uri: 'https://cluster.local/ns/shop/sa/client' }),
    flag: 'IDENTITY_ERROR',
    reason: /./,
  },
  {
    what: 'a SAN with a segment too many',
    make: (authority, id) => authority.issue(id, { uri: `${id}/admin` }),
    flag: 'IDENTITY_ERROR',
    reason: /./,
  },
];

/** The other side ended the connection, one way or another. */
async function ended(socket: tls.TLSSocket): Promise<void> {
  await new Promise<void>((resolve) => {
    for (const event of ['end', 'close', 'error']) socket.once(event, () => resolve());
    socket.resume();
  });
  socket.on('error', () => undefined).destroy();
}

describe.each(ENGINE_NAMES)('%s engine', (engine) => {
  const suite = new DataPlaneSuite(engine);

  it.each(BAD)('as a server: $what gets no request through', async ({ make, flag, reason }) => {
    const rig = await suite.start();
    await suite.serveEcho();
    const bad = await make(rig.authority, CLIENT_ID);
    const raw = await suite.connectUncaptured();
    const socket = tls.connect({ ...meshTls(bad), socket: raw, checkServerIdentity: () => undefined });
    const over = ended(socket);
    expect(await rig.waitFor('connectionFailed')).toMatchObject({
      direction: 'inbound',
      flag,
      reason: expect.stringMatching(reason) as string,
    });
    await over;
    expect(rig.of('inboundVerdictNeeded')).toEqual([]);
    expect(await echo(suite.connect())).toBe('ping');
  });

  it.each(BAD)('as a client: $what gets no byte and no request', async ({ make, flag, reason }) => {
    const rig = await suite.startEmpty();
    await rig.enrol('client');
    const bad = await make(rig.authority, SERVER_ID);
    const received: Buffer[] = [];
    const server = tls.createServer(meshTls(bad), (socket) => {
      socket.on('error', () => undefined);
      socket.on('data', (chunk: Buffer) => received.push(chunk));
    });
    server.on('tlsClientError', () => undefined);
    const front = await rig.server.serve(15_008, (socket) => {
      socket.on('error', () => undefined);
      server.emit('connection', socket);
    });
    suite.atEnd(() => front.close());
    const socket = suite.connect();
    socket.write('secret');
    expect(await endOf(socket)).toBe('ECONNRESET');
    expect(await rig.waitFor('connectionFailed')).toMatchObject({
      direction: 'outbound',
      flag,
      reason: expect.stringMatching(reason) as string,
    });
    expect(Buffer.concat(received).includes('CONNECT')).toBe(false);
    expect(Buffer.concat(received).includes('secret')).toBe(false);
  });

  it('a client without a certificate, with TLS 1.2, or without ALPN h2 does not get in', async () => {
    const rig = await suite.start();
    const { client } = rig.identities;
    const attempts: readonly tls.ConnectionOptions[] = [
      { ca: client.rootsPem, ALPNProtocols: ['h2'], minVersion: 'TLSv1.3' },
      { ...meshTls(client), minVersion: 'TLSv1.2', maxVersion: 'TLSv1.2' },
      { ...meshTls(client), ALPNProtocols: ['http/1.1'] },
      { cert: client.certificateChainPem, key: client.privateKeyPem, ca: client.rootsPem, minVersion: 'TLSv1.3' },
    ];
    for (const [i, options] of attempts.entries()) {
      const raw = await suite.connectUncaptured();
      const socket = tls.connect({ ...options, socket: raw, checkServerIdentity: () => undefined });
      await ended(socket);
      await until(() => rig.of('connectionFailed').length === i + 1, 'it is reported');
      expect(rig.of('connectionFailed').map(({ flag }) => flag)).toEqual(
        Array.from({ length: i + 1 }, () => 'TLS_FAILURE'),
      );
    }
    expect(rig.of('inboundVerdictNeeded')).toEqual([]);
  });

  it('an SVID that is rotated three times under load drops no connection, and the newest is what peers see', async () => {
    const rig = await suite.start();
    await suite.serveEcho();
    const sockets = Array.from({ length: 8 }, () => suite.connect());
    for (const socket of sockets) expect(await echo(socket)).toBe('ping');
    let newest = rig.identities.server;
    for (let round = 0; round < 3; round++) {
      newest = await rig.authority.issue(SERVER_ID);
      rig.dataPlane.send({ type: 'setIdentity', identity: newest });
      rig.dataPlane.send({ type: 'setIdentity', identity: await rig.authority.issue(CLIENT_ID) });
      // Another expectation wants another tunnel, with a handshake of its own.
      const expected = [SERVER_ID, `${SERVER_ID}-${round}`];
      rig.plan = (destination) => rig.hbonePlan(destination, { expected });
      await rig.command({ type: 'invalidate' });
      expect(await echo(suite.connect())).toBe('ping');
      for (const socket of sockets) expect(await echo(socket, 'still')).toBe('still');
    }
    const raw = await suite.connectUncaptured();
    const socket = tls.connect({
      ...meshTls(rig.identities.client),
      socket: raw,
      checkServerIdentity: () => undefined,
    });
    await once(socket, 'secureConnect');
    expect(socket.getPeerX509Certificate()?.serialNumber.toLowerCase()).toBe(newest.serial.toLowerCase());
    socket.destroy();
    expect(rig.of('connectionClosed').filter(({ error }) => error !== undefined)).toEqual([]);
  });
});
