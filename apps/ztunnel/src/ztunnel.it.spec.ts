import { once } from 'node:events';
import type net from 'node:net';
import { until } from '@weft/testing-fixtures';
import type { FakeResource } from '@weft/testing-xds-server';
import { AUTHORIZATION_TYPE_URL as POLICY } from '@weft/xds';
import { Action, Authorization, Scope } from '@weft/xds/gen/mesh/security/authorization.js';
import { memberOf, serviceMessage, workloadMessage } from './testing/mesh-fixtures.js';
import { WholeZtunnel } from './testing/whole-ztunnel.js';

const CLIENT = 'spiffe://cluster.local/ns/shop/sa/client';
const SERVER = 'spiffe://cluster.local/ns/shop/sa/server';
const denyClient: FakeResource = {
  name: 'shop/no-client',
  version: '1',
  body: Authorization.encode(
    Authorization.fromPartial({
      name: 'no-client',
      namespace: 'shop',
      scope: Scope.NAMESPACE,
      action: Action.DENY,
      groups: [{ rules: [{ matches: [{ principals: [{ matchType: { $case: 'suffix', value: '/sa/client' } }] }] }] }],
    }),
  ).finish(),
};

let whole: WholeZtunnel;

beforeAll(async () => {
  whole = await WholeZtunnel.start({
    // Names have a spec of their own.
    env: { ISTIO_META_DNS_CAPTURE: 'false', AUTHZ_POLICY_INFO_LOGGING: 'true' },
    mesh: ([client, server]) => [
      workloadMessage('client', client.address),
      workloadMessage('server', server.address, { services: memberOf('b') }),
      serviceMessage('b', '10.96.0.1'),
    ],
  });
});
afterAll(() => whole.stop());

async function echoServer(): Promise<{ sources: string[]; close: () => void }> {
  const sources: string[] = [];
  const sockets = new Set<net.Socket>();
  const server = await whole.pods[1].serve(8080, (socket) => {
    sockets.add(socket);
    sources.push(socket.remoteAddress ?? '');
    socket.on('error', () => undefined);
    socket.pipe(socket);
  });
  const close = () => {
    for (const socket of sockets) socket.destroy();
    server.close();
  };
  return { sources, close };
}

async function echo(socket: net.Socket, text: string): Promise<string> {
  socket.write(text);
  const [data] = (await once(socket, 'data')) as [Buffer];
  return data.toString();
}

/** `once` would reject on the error that comes first. */
const closeOf = (socket: net.Socket) => new Promise<void>((resolve) => socket.once('close', () => resolve()));
const access = () => whole.access;

describe('a whole ztunnel between two pods', () => {
  it('carries connections to a service address, source address preserved, and says so', async () => {
    const app = await echoServer();
    const sockets = Array.from({ length: 20 }, () => whole.pods[0].connect('10.96.0.1:80'));
    expect(await Promise.all(sockets.map((socket) => echo(socket, 'hello')))).toEqual(sockets.map(() => 'hello'));
    expect(new Set(app.sources)).toEqual(new Set([whole.pods[0].address]));
    const received =
      /istio_tcp_received_bytes_total\{reporter="source".*destination_service="b.shop.svc.cluster.local".*mutual_tls.*\} 100/;
    // What workers have to say is waited for 200 ms, so a busy machine may take a second look.
    await until(async () => received.test(await whole.metrics()), 'what open connections carried is counted');
    for (const socket of sockets) socket.destroy();
    await until(() => access().length >= 40, 'both ends log every connection');
    expect(access().find(({ direction }) => direction === 'inbound')).toMatchObject({
      message: 'connection complete',
      'src.identity': CLIENT,
      'dst.identity': SERVER,
      'src.workload': 'client',
      'dst.workload': 'server',
      'dst.service': 'b.shop.svc.cluster.local',
      bytes_recv: 5,
      bytes_sent: 5,
    });
    app.close();
  });

  it('reaches a pod by its own address', async () => {
    const server = await whole.pods[1].serve(9000, (socket) => socket.end('mine'));
    const socket = whole.pods[0].connect(`${whole.pods[1].address}:9000`);
    const [data] = (await once(socket, 'data')) as [Buffer];
    expect(data.toString()).toBe('mine');
    socket.destroy();
    server.close();
  });

  it('a policy in dry-run stops nobody and is in the log, with what decided', async () => {
    const app = await echoServer();
    const dryRun = Authorization.fromPartial({ ...Authorization.decode(denyClient.body), name: 'try', dryRun: true });
    whole.ads.streams[0]!.send(POLICY, [
      { name: 'shop/try', version: '1', body: Authorization.encode(dryRun).finish() },
    ]);
    let told: Record<string, unknown> | undefined;
    // Until the policy has arrived.
    await until(async () => {
      const socket = whole.pods[0].connect('10.96.0.1:80');
      expect(await echo(socket, 'hello')).toBe('hello');
      socket.destroy();
      told = whole.lines.find(({ message, dryRun: hit }) => message === 'inbound allowed' && hit !== undefined);
      return told !== undefined;
    }, 'the log tells of it');
    expect(told).toMatchObject({ level: 'info', 'src.identity': CLIENT });
    expect(JSON.stringify(told!['dryRun'])).toContain('shop/try');
    whole.ads.streams[0]!.send(POLICY, [], ['shop/try']);
    app.close();
  });

  it('closes a live connection within a second of a policy that forbids it, refuses the next, and names the policy', async () => {
    const app = await echoServer();
    const socket = whole.pods[0].connect('10.96.0.1:80');
    socket.on('error', () => undefined);
    expect(await echo(socket, 'before')).toBe('before');
    whole.lines.length = 0;
    const pushed = performance.now();
    whole.ads.streams[0]!.send(POLICY, [denyClient]);
    await closeOf(socket);
    expect(performance.now() - pushed).toBeLessThan(1000);
    await until(
      () => access().some(({ direction, error }) => direction === 'inbound' && String(error).includes('policy change')),
      'the end is logged',
    );
    const next = whole.pods[0].connect('10.96.0.1:80');
    next.on('error', () => undefined);
    next.write('after');
    await closeOf(next);
    const refusal = () =>
      access().find(({ message, direction }) => message === 'connection failed' && direction === 'inbound');
    await until(() => refusal() !== undefined, 'the refusal is logged');
    expect(refusal()).toMatchObject({
      'src.identity': CLIENT,
      'dst.identity': SERVER,
      error: expect.stringContaining('explicitly denied by: shop/no-client') as string,
      why: 'policy',
    });
    whole.ads.streams[0]!.send(POLICY, [], ['shop/no-client']);
    await until(async () => {
      const again = whole.pods[0].connect('10.96.0.1:80');
      again.on('error', () => undefined);
      const answer = await Promise.race([echo(again, 'x').catch(() => ''), closeOf(again)]);
      again.destroy();
      return answer === 'x';
    }, 'the removal of the policy lets it in again');
    app.close();
  });

  it('a stop: not ready, no new connections, open ones go on until the deadline, then they are closed and logged', async () => {
    const app = await echoServer();
    const [short, long] = [whole.pods[0].connect('10.96.0.1:80'), whole.pods[0].connect('10.96.0.1:80')];
    for (const socket of [short, long]) socket.on('error', () => undefined);
    expect(await echo(short, 'a')).toBe('a');
    expect(await echo(long, 'b')).toBe('b');
    whole.lines.length = 0;
    const longEnded = closeOf(long);
    const begun = performance.now();
    const stopped = whole.stopZtunnel();
    await until(async () => {
      const ready = await fetch(`http://127.0.0.1:${whole.ztunnel.readinessServer.port}/healthz/ready`);
      return (await ready.text()).includes('draining');
    }, 'readiness says so');
    const refused = whole.pods[0].connect('10.96.0.1:80');
    await new Promise<void>((resolve) => refused.on('error', () => resolve()));
    expect(await echo(short, 'still here')).toBe('still here');
    expect(await echo(long, 'me too')).toBe('me too');
    short.end();
    await longEnded;
    expect(performance.now() - begun).toBeGreaterThan(3900);
    await stopped;
    expect(performance.now() - begun).toBeLessThan(5000);
    // By what they carried, since a line of an earlier case's connection may come late.
    const ends = (sent: string) => access().filter(({ bytes_sent: bytes }) => bytes === sent.length);
    const [shortEnds, longEnds] = [ends('astill here'), ends('bme too')];
    for (const both of [shortEnds, longEnds])
      expect(both.map(({ direction }) => direction).sort()).toEqual(['inbound', 'outbound']);
    expect(shortEnds.map(({ why }) => why)).toEqual(['completed', 'completed']);
    // Both ends are here: the worker of one may hear of the end of the other before it is told to stop itself.
    expect(longEnds.map(({ why }) => why)).not.toContain('completed');
    expect(longEnds.map(({ error }) => error)).toContain('connection closed due to connection drain');
    expect(whole.lines).toContainEqual(
      expect.objectContaining({ broken: 2, message: expect.stringContaining('time to drain is over') as string }),
    );
    app.close();
  });
});
