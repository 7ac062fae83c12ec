import { closeSync, fstatSync, mkdtempSync, openSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SeqPacketConnection } from '@weft/linux';
import { createLogger, systemClock } from '@weft/runtime';
import { until } from '@weft/testing-fixtures';
import { Version, WorkloadRequest, WorkloadResponse, ZdsHello } from '@weft/xds/gen/mesh/zds/zds.js';
import { ZdsServer } from './zds-server.js';

/** A ztunnel that answers every request with `answer`, and keeps what it got. */
class FakeZtunnel {
  readonly received: string[] = [];
  readonly inodes: number[] = [];
  readonly socket: SeqPacketConnection;
  answer: (kind: string) => string = () => '';

  constructor(path: string, version = Version.V1) {
    this.socket = SeqPacketConnection.connect(path);
    this.socket.on('message', (packet, fds) => {
      const { payload } = WorkloadRequest.decode(packet);
      const uid = payload !== undefined && 'uid' in payload.value ? payload.value.uid : '';
      this.received.push(`${payload?.$case ?? ''} ${uid}`.trim());
      for (const fd of fds) {
        this.inodes.push(fstatSync(fd).ino);
        closeSync(fd);
      }
      const error = this.answer(payload?.$case ?? '');
      const value = { $type: 'istio.workload.zds.Ack' as const, error };
      void this.socket.send(
        WorkloadResponse.encode({
          $type: 'istio.workload.zds.WorkloadResponse',
          payload: { $case: 'ack', value },
        }).finish(),
      );
    });
    this.socket.on('close', () => undefined);
    void this.socket.send(ZdsHello.encode({ $type: 'istio.workload.zds.ZdsHello', version }).finish());
  }
}

describe('ZdsServer', () => {
  const folder = mkdtempSync(join(tmpdir(), 'weft-zds-'));
  const path = join(folder, 'ztunnel.sock');
  const netnsFd = openSync('/proc/self/ns/net', 'r');
  const pod = (uid: string) => ({ uid, name: `pod-${uid}`, namespace: 'shop', serviceAccount: 'web' });
  const ztunnels: FakeZtunnel[] = [];
  let server: ZdsServer;
  let refused: [string, string | null][];

  const connect = (version?: Version): FakeZtunnel => {
    const ztunnel = new FakeZtunnel(path, version);
    ztunnels.push(ztunnel);
    return ztunnel;
  };
  beforeEach(async () => {
    refused = [];
    server = new ZdsServer({
      path,
      snapshot: {
        entries: () => [{ pod: pod('one'), netnsFd }],
        onSnapshotAnswer: (uid, error) => refused.push([uid, error?.message ?? null]),
      },
      clock: systemClock,
      log: createLogger('zds', 'silent'),
    });
    await server.start();
  });
  afterEach(async () => {
    for (const { socket } of ztunnels.splice(0)) socket.close();
    await server.stop();
  });
  afterAll(() => {
    closeSync(netnsFd);
    rmSync(folder, { recursive: true });
  });

  it('sends each pod with its network namespace, then the end of the snapshot, one at a time', async () => {
    const ztunnel = connect();
    await until(() => ztunnel.received.length === 2, 'the snapshot is complete');
    expect(ztunnel.received).toEqual(['add one', 'snapshotSent']);
    expect(ztunnel.inodes).toEqual([fstatSync(netnsFd).ino]);
    expect(refused).toEqual([['one', null]]);
  });

  it('adds a pod to the newest ztunnel only, and removes it from all', async () => {
    const [old, young] = [connect(), connect()];
    await until(() => old.received.length === 2 && young.received.length === 2, 'both have their snapshot');
    await server.add(pod('two'), netnsFd);
    await server.remove('two');
    const sinceSnapshot = [old.received.slice(2), young.received.slice(2)];
    expect(sinceSnapshot.map((received) => received.join(', ')).sort()).toEqual(['add two, del two', 'del two']);
  });

  it('tells why ztunnel refused a pod', async () => {
    const ztunnel = connect();
    ztunnel.answer = (kind) => (kind === 'add' ? 'port 15001 is taken' : '');
    await until(() => refused.length === 1, 'the refusal arrives');
    expect(refused).toEqual([['one', 'port 15001 is taken']]);
    await expect(server.add(pod('two'), netnsFd)).rejects.toThrow('port 15001 is taken');
  });

  it('fails an addition at once when there is no ztunnel or it goes away', async () => {
    await expect(server.add(pod('two'), netnsFd)).rejects.toMatchObject({ code: 'ZDS_NO_ZTUNNEL' });
    const ztunnel = connect();
    await until(() => ztunnel.received.length === 2, 'the snapshot is complete');
    ztunnel.socket.removeAllListeners('message');
    const added = server.add(pod('two'), netnsFd);
    ztunnel.socket.close();
    await expect(added).rejects.toMatchObject({ code: 'ZDS_CONNECTION_LOST' });
    await until(() => !server.connected, 'the connection is forgotten');
  });

  it('turns away a peer that speaks another version, and goes on serving', async () => {
    const stranger = connect(Version.NOT_USED);
    await until(() => stranger.socket.closed, 'the stranger is turned away');
    const ztunnel = connect();
    await until(() => ztunnel.received.length === 2, 'the snapshot is complete');
  });
});
