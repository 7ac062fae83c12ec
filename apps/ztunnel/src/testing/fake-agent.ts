import { openSync } from 'node:fs';
import { closeDescriptor, type SeqPacketConnection } from '@weft/linux';
import { until } from '@weft/testing-fixtures';
import { WorkloadRequest, WorkloadResponse } from '@weft/xds/gen/mesh/zds/zds.js';

export type ZdsPayload = NonNullable<WorkloadRequest['payload']>;
const add = (uid: string): ZdsPayload => ({
  $case: 'add',
  value: {
    $type: 'istio.workload.zds.AddWorkload',
    uid,
    workloadInfo: { $type: 'istio.workload.zds.WorkloadInfo', name: 'a', namespace: 'shop', serviceAccount: 'a' },
  },
});
const del = (uid: string): ZdsPayload => ({ $case: 'del', value: { $type: 'istio.workload.zds.DelWorkload', uid } });
const keep = (uid: string): ZdsPayload => ({ $case: 'keep', value: { $type: 'istio.workload.zds.KeepWorkload', uid } });
const snapshotSent: ZdsPayload = { $case: 'snapshotSent', value: { $type: 'istio.workload.zds.SnapshotSent' } };
export const encodeRequest = (payload: ZdsPayload) =>
  WorkloadRequest.encode({ $type: 'istio.workload.zds.WorkloadRequest', payload }).finish();

/** Requests of the agent; every added pod is `shop/a`. */
export const zdsRequest = { add, del, keep, snapshotSent } as const;

/** The agent's end of one connection. */
export class FakeAgent {
  readonly received: Buffer[] = [];
  closed = false;

  constructor(readonly connection: SeqPacketConnection) {
    connection.on('message', (message) => this.received.push(message));
    connection.on('close', () => (this.closed = true));
  }

  /** Adds a pod of namespace `shop` with its real network namespace; `netnsFd` stays the caller's. */
  async addPod(uid: string, name: string, netnsFd: number): Promise<string> {
    const before = this.received.length;
    const workloadInfo = { name, namespace: 'shop', serviceAccount: name };
    const request = WorkloadRequest.fromPartial({ payload: { $case: 'add', value: { uid, workloadInfo } } });
    await this.connection.send(WorkloadRequest.encode(request).finish(), [netnsFd]);
    return this.#answer(before);
  }

  /** Sends a request and returns the error of its ack. */
  async ask(payload: ZdsPayload, fds = payload.$case === 'add' ? 1 : 0): Promise<string> {
    const before = this.received.length;
    const opened = Array.from({ length: fds }, () => openSync('/dev/null', 'r'));
    await this.connection.send(encodeRequest(payload), opened);
    opened.forEach(closeDescriptor);
    return this.#answer(before);
  }

  async #answer(before: number): Promise<string> {
    await until(() => this.received.length > before, 'the request is answered');
    const { payload: reply } = WorkloadResponse.decode(this.received.at(-1)!);
    return reply?.value.error ?? 'no ack';
  }
}
