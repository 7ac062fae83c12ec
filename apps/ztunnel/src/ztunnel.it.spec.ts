import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import type net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { duplicateDescriptor, closeDescriptor, SeqPacketServer } from '@weft/linux';
import { startAll, systemClock } from '@weft/runtime';
import { until } from '@weft/testing-fixtures';
import { ADDRESS_TYPE_URL as ADDRESS, AUTHORIZATION_TYPE_URL as POLICY } from '@weft/xds';
import { FakeAdsServer, type FakeResource } from '@weft/testing-xds-server';
import { Action, Authorization, Scope } from '@weft/xds/gen/mesh/security/authorization.js';
import { Address, type Service, type Workload } from '@weft/xds/gen/mesh/workload/workload.js';
import { createZtunnel, type Ztunnel } from './app.js';
import { parseConfig } from './config.js';
import { DataPlane } from './dataplane/dataplane.js';
import { LogScopes } from './telemetry/log-scopes.js';
import { bundleWorker } from './testing/data-plane-rig.js';
import { FakeAgent } from './testing/fake-agent.js';
import { FakeCa } from './testing/fake-ca.js';
import { memberOf, serviceMessage, workloadMessage } from './testing/mesh-fixtures.js';
import { PodNamespace } from './testing/pod-namespace.js';

jest.setTimeout(30_000);

const CLIENT = 'spiffe://cluster.local/ns/shop/sa/client';
const SERVER = 'spiffe://cluster.local/ns/shop/sa/server';
const address = (name: string, type: { workload: Workload } | { service: Service }): FakeResource => ({
  name,
  version: '1',
  body: Address.encode({
    $type: 'istio.workload.Address',
    type: 'workload' in type ? { $case: 'workload', value: type.workload } : { $case: 'service', value: type.service },
  }).finish(),
});
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

let worker: Awaited<ReturnType<typeof bundleWorker>>;
let ztunnel: Ztunnel;
let stop: () => Promise<void>;
let ads: FakeAdsServer;
let ca: FakeCa;
let pods: readonly [PodNamespace, PodNamespace];
const lines: Record<string, unknown>[] = [];
const disposers: (() => unknown)[] = [];

beforeAll(async () => {
  worker = await bundleWorker();
  disposers.push(() => worker.remove());
  const directory = mkdtempSync(join(tmpdir(), 'weft-ztunnel-'));
  disposers.push(() => rmSync(directory, { recursive: true }));
  writeFileSync(join(directory, 'token'), 'token');
  pods = PodNamespace.pair(`wzt${process.pid}`);
  disposers.push(() => pods.forEach((pod) => pod.remove()));
  ads = new FakeAdsServer();
  ca = new FakeCa(() => Date.now());
  await Promise.all([ads.listen(), ca.listen()]);
  disposers.push(() => ads.close());
  disposers.push(() => ca.close());
  const zdsPath = join(directory, 'ztunnel.sock');
  const agents: FakeAgent[] = [];
  const agentServer = SeqPacketServer.listen(zdsPath);
  agentServer.on('connection', (connection) => agents.push(new FakeAgent(connection)));
  disposers.push(() => {
    agentServer.close();
    for (const { connection } of agents) connection.close();
  });
  const config = parseConfig(
    {
      XDS_ADDRESS: `http://127.0.0.1:${ads.port}`,
      CA_ADDRESS: `http://127.0.0.1:${ca.port}`,
      AUTH_TOKEN: join(directory, 'token'),
      NODE_NAME: 'n1',
      INPOD_UDS: zdsPath,
      CONNECTION_TERMINATION_DEADLINE: '1s',
      WEFT_ADMIN_PORT: '0',
      WEFT_METRICS_PORT: '0',
      WEFT_READINESS_PORT: '0',
    },
    2,
  );
  if (!config.ok) throw new Error(JSON.stringify(config.error));
  const write = (line: string) => lines.push(JSON.parse(line) as Record<string, unknown>);
  const logs = new LogScopes({ format: 'json', filter: config.value.logFilter, write });
  ztunnel = createZtunnel(config.value, {
    clock: systemClock,
    logs,
    dataPlane: (onMessage) =>
      new DataPlane({ workers: 2, entry: worker.entry, log: logs.scope('dataplane'), onMessage }),
    shutdown: () => undefined,
  });
  stop = await startAll(ztunnel.services, 2000);
  disposers.push(() => stop());
  await ads.until(() => ads.streams[0]?.requests.length === 2);
  ads.streams[0]!.send(ADDRESS, [
    address('Kubernetes//Pod/shop/client', { workload: workloadMessage('client', pods[0].address) }),
    address('Kubernetes//Pod/shop/server', {
      workload: workloadMessage('server', pods[1].address, { services: memberOf('b') }),
    }),
    address('shop/b.shop.svc.cluster.local', { service: serviceMessage('b', '10.96.0.1') }),
  ]);
  ads.streams[0]!.send(POLICY, []);
  await until(() => (agents[0]?.received.length ?? 0) > 0, 'ztunnel connects to the agent');
  for (const [index, name] of ['client', 'server'].entries()) {
    pods[index]!.enrol();
    const fd = duplicateDescriptor(pods[index]!.fd);
    expect(await agents[0]!.addPod(`uid-${name}`, name, fd)).toBe('');
    closeDescriptor(fd);
  }
  await until(() => ca.requests.length === 2, 'both identities are asked for');
});

afterAll(async () => {
  for (const dispose of disposers.splice(0).reverse()) await Promise.resolve(dispose());
});

async function echoServer(): Promise<{ sources: string[]; close: () => void }> {
  const sources: string[] = [];
  const sockets = new Set<net.Socket>();
  const server = await pods[1].serve(8080, (socket) => {
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
const access = () => lines.filter(({ scope }) => scope === 'access');

describe('a whole ztunnel between two pods', () => {
  it('carries connections to a service address, source address preserved, and says so', async () => {
    const app = await echoServer();
    const sockets = Array.from({ length: 20 }, () => pods[0].connect('10.96.0.1:80'));
    expect(await Promise.all(sockets.map((socket) => echo(socket, 'hello')))).toEqual(sockets.map(() => 'hello'));
    expect(new Set(app.sources)).toEqual(new Set([pods[0].address]));
    const metrics = await (await fetch(`http://127.0.0.1:${ztunnel.metrics.port}/metrics`)).text();
    expect(metrics).toMatch(
      /istio_tcp_received_bytes_total\{reporter="source".*destination_service="b.shop.svc.cluster.local".*mutual_tls.*\} 100/,
    );
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
    const server = await pods[1].serve(9000, (socket) => socket.end('mine'));
    const socket = pods[0].connect(`${pods[1].address}:9000`);
    const [data] = (await once(socket, 'data')) as [Buffer];
    expect(data.toString()).toBe('mine');
    socket.destroy();
    server.close();
  });

  it('closes a live connection within a second of a policy that forbids it, refuses the next, and names the policy', async () => {
    const app = await echoServer();
    const socket = pods[0].connect('10.96.0.1:80');
    socket.on('error', () => undefined);
    expect(await echo(socket, 'before')).toBe('before');
    lines.length = 0;
    const pushed = performance.now();
    ads.streams[0]!.send(POLICY, [denyClient]);
    await closeOf(socket);
    expect(performance.now() - pushed).toBeLessThan(1000);
    await until(
      () => access().some(({ direction, error }) => direction === 'inbound' && String(error).includes('policy change')),
      'the end is logged',
    );
    const next = pods[0].connect('10.96.0.1:80');
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
    ads.streams[0]!.send(POLICY, [], ['shop/no-client']);
    await until(async () => {
      const again = pods[0].connect('10.96.0.1:80');
      again.on('error', () => undefined);
      const answer = await Promise.race([echo(again, 'x').catch(() => ''), closeOf(again)]);
      again.destroy();
      return answer === 'x';
    }, 'the removal of the policy lets it in again');
    app.close();
  });

  it('a stop: not ready, no new connections, open ones go on until the deadline, then they are closed and logged', async () => {
    const app = await echoServer();
    const [short, long] = [pods[0].connect('10.96.0.1:80'), pods[0].connect('10.96.0.1:80')];
    for (const socket of [short, long]) socket.on('error', () => undefined);
    expect(await echo(short, 'a')).toBe('a');
    expect(await echo(long, 'b')).toBe('b');
    lines.length = 0;
    const longEnded = closeOf(long);
    const begun = performance.now();
    const stopped = stop();
    await until(async () => {
      const ready = await fetch(`http://127.0.0.1:${ztunnel.readinessServer.port}/healthz/ready`);
      return (await ready.text()).includes('draining');
    }, 'readiness says so');
    const refused = pods[0].connect('10.96.0.1:80');
    await new Promise<void>((resolve) => refused.on('error', () => resolve()));
    expect(await echo(short, 'still here')).toBe('still here');
    expect(await echo(long, 'me too')).toBe('me too');
    short.end();
    await longEnded;
    expect(performance.now() - begun).toBeGreaterThan(900);
    await stopped;
    expect(performance.now() - begun).toBeLessThan(2000);
    expect(access().filter(({ why, bytes_sent: sent }) => why === 'completed' && sent === 11)).toHaveLength(2);
    const drained = access().filter(({ error }) => error === 'connection closed due to connection drain');
    expect(drained.map(({ direction }) => direction).sort()).toEqual(['inbound', 'outbound']);
    expect(lines).toContainEqual(
      expect.objectContaining({ broken: 2, message: expect.stringContaining('time to drain is over') as string }),
    );
    app.close();
  });
});
