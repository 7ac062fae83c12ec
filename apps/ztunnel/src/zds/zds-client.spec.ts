import { mkdtempSync, openSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { closeDescriptor, SeqPacketConnection, SeqPacketServer } from '@weft/linux';
import { systemClock } from '@weft/runtime';
import { until } from '@weft/testing-fixtures';
import { ZdsHello } from '@weft/xds/gen/mesh/zds/zds.js';
import { encodeRequest, FakeAgent, zdsRequest, type ZdsPayload } from '../testing/fake-agent.js';
import { ZdsClient } from './zds-client.js';
import { ZdsSession, type PodHandler, type PodInfo } from './zds-session.js';

const disposers: (() => void)[] = [];
afterEach(() =>
  disposers
    .splice(0)
    .reverse()
    .forEach((dispose) => dispose()),
);

class FakePods implements PodHandler {
  readonly calls: string[] = [];
  readonly known = new Set<string>();
  answer: string | null = null;

  add(uid: string, info: PodInfo, netnsFd: number): Promise<string | null> {
    closeDescriptor(netnsFd);
    this.known.add(uid);
    this.calls.push(`add ${uid} ${info.namespace}/${info.name}`);
    return Promise.resolve(this.answer);
  }
  keep(uid: string): boolean {
    this.calls.push(`keep ${uid}`);
    return this.known.has(uid);
  }
  remove(uid: string): void {
    this.calls.push(`remove ${uid}`);
  }
  retain(uids: ReadonlySet<string>): void {
    this.calls.push(`retain ${[...uids].join()}`);
  }
}

const { add, del, keep, snapshotSent } = zdsRequest;

function rig() {
  const directory = mkdtempSync(join(tmpdir(), 'weft-zds-'));
  disposers.push(() => rmSync(directory, { recursive: true }));
  const path = join(directory, 'ztunnel.sock');
  const agents: FakeAgent[] = [];
  let server: SeqPacketServer | null = null;
  const listen = () => {
    server = SeqPacketServer.listen(path);
    server.on('connection', (connection) => agents.push(new FakeAgent(connection)));
  };
  const close = () => {
    server?.close();
    for (const { connection } of agents) connection.close();
  };
  disposers.push(close);
  const pods = new FakePods();
  const snapshots: boolean[] = [];
  const left: string[] = [];
  const client = new ZdsClient({
    connect: () => SeqPacketConnection.connect(path, { maxMessageBytes: 1024 }),
    closeDescriptor,
    pods,
    clock: systemClock,
    log: { info: () => undefined, warn: () => undefined },
    onSnapshot: (complete) => snapshots.push(complete),
    onLeft: () => left.push('left'),
  });
  disposers.push(() => client.stop());
  const agent = async (index = 0) => {
    await until(() => (agents[index]?.received.length ?? 0) > 0, 'ztunnel has said hello');
    return agents[index]!;
  };
  return { listen, close, pods, snapshots, left, client, agent, agents };
}

describe('ZdsClient', () => {
  it('while draining hears of removals, and does not come back to an agent that left: its successor is the latest there', async () => {
    const { listen, close, pods, snapshots, left, client, agent, agents } = rig();
    listen();
    client.start();
    const first = await agent();
    await first.ask(snapshotSent);
    client.drain();
    await first.ask(del('u1'));
    expect(pods.calls).toContain('remove u1');
    expect(left).toEqual([]);
    close();
    await until(() => left.length > 0, 'the loss is told');
    listen();
    client.start();
    expect(agents).toHaveLength(1);
    expect(snapshots).toEqual([true]);
  });

  it('says hello with version 1', async () => {
    const { listen, client, agent } = rig();
    listen();
    client.start();
    expect(ZdsHello.decode((await agent()).received[0]!).version).toBe(1);
  });

  it('takes a snapshot, then single changes, each acknowledged in order', async () => {
    const { listen, client, agent, pods, snapshots } = rig();
    listen();
    client.start();
    const it = await agent();
    expect(await it.ask(add('u1'))).toBe('');
    expect(await it.ask(keep('u2'))).toContain('pod u2 is not known here');
    expect(snapshots).toEqual([]);
    expect(await it.ask(snapshotSent)).toBe('');
    expect(snapshots).toEqual([true]);
    expect(await it.ask(del('u1'))).toBe('');
    expect(await it.ask(add('u3'))).toBe('');
    expect(pods.calls).toEqual(['add u1 shop/a', 'keep u2', 'retain u1,u2', 'remove u1', 'add u3 shop/a']);
  });

  it('a pod deleted within the snapshot is not retained', async () => {
    const { listen, client, agent, pods } = rig();
    listen();
    client.start();
    const it = await agent();
    await it.ask(add('u1'));
    await it.ask(del('u1'));
    await it.ask(snapshotSent);
    expect(pods.calls.at(-1)).toBe('retain ');
  });

  it('passes a failure on to the agent, cut to what fits a packet', async () => {
    const { listen, client, agent, pods } = rig();
    listen();
    client.start();
    const it = await agent();
    pods.answer = 'no listener';
    expect(await it.ask(add('u1'))).toBe('no listener');
    pods.answer = 'ü'.repeat(5000);
    expect(Buffer.byteLength(await it.ask(add('u2')))).toBeLessThan(1024);
  });

  it.each<[string, ZdsPayload, number, boolean]>([
    ['a second snapshot end', snapshotSent, 0, true],
    ['keep after the snapshot', keep('u1'), 0, true],
    ['add without a descriptor', add('u1'), 0, false],
    ['add with two descriptors', add('u1'), 2, false],
    ['del with a descriptor', del('u1'), 1, false],
    [
      'add without workload info',
      { $case: 'add', value: { $type: 'istio.workload.zds.AddWorkload', uid: 'u' } },
      1,
      false,
    ],
  ])('%s ends the connection, and pods stay served', async (_what, payload, fds, afterSnapshot) => {
    const { listen, client, agent, pods } = rig();
    listen();
    client.start();
    const it = await agent();
    if (afterSnapshot) await it.ask(snapshotSent);
    const opened = Array.from({ length: fds }, () => openSync('/dev/null', 'r'));
    await it.connection.send(encodeRequest(payload), opened);
    opened.forEach(closeDescriptor);
    await until(() => it.closed, 'the connection is closed');
    expect(pods.calls.filter((call) => call.startsWith('remove'))).toEqual([]);
    await agent(1);
  });

  it('waits for an agent that is not there, and finds it again after a restart', async () => {
    const { listen, close, client, agent, pods, snapshots } = rig();
    client.start();
    listen();
    const first = await agent();
    await first.ask(add('u1'));
    await first.ask(snapshotSent);
    close();
    await until(() => snapshots.length === 2, 'ztunnel notices');
    listen();
    const second = await agent(1);
    expect(await second.ask(keep('u1'))).toBe('');
    expect(await second.ask(snapshotSent)).toBe('');
    expect(snapshots).toEqual([true, false, true]);
    expect(pods.calls.filter((call) => call.startsWith('remove'))).toEqual([]);
  });
});

describe('properties', () => {
  it('any packet is an ack or a protocol error', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 64 }), async (packet) => {
        const reply = await new ZdsSession(new FakePods(), () => undefined).handle(packet, []);
        expect(['ack', 'protocol-error']).toContain(reply.kind);
      }),
    );
  });
});
