import { isDeepStrictEqual } from 'node:util';
import { isNotFound, PODS, WorkQueue, type KubeClient } from '@weft/kube';
import type { Logger } from '@weft/runtime';
import type { PodStatus } from './pod-status.js';
import type { PodWorker } from './pod-worker.js';

/** Writes pod statuses: the newest only, one write per pod at a time, failed ones again with back-off. */
export class StatusPublisher {
  readonly #workers = new Map<string, PodWorker>();
  readonly #written = new Map<string, PodStatus>();
  readonly #queue: WorkQueue;

  constructor(
    private readonly kube: Pick<KubeClient, 'patch'>,
    name: string,
    log: Logger,
  ) {
    this.#queue = new WorkQueue({
      name,
      concurrency: 8,
      initialBackoffMs: 100,
      maxBackoffMs: 10_000,
      log,
      handle: (uid) => this.#write(uid),
    });
  }

  start(): Promise<void> {
    return this.#queue.start();
  }

  stop(hard: AbortSignal): Promise<void> {
    return this.#queue.stop(hard);
  }

  changed(worker: PodWorker): void {
    this.#workers.set(worker.uid, worker);
    this.#queue.add(worker.uid);
  }

  forget(uid: string): void {
    this.#workers.delete(uid);
    this.#written.delete(uid);
  }

  async #write(uid: string): Promise<undefined> {
    const worker = this.#workers.get(uid);
    if (worker === undefined) return;
    const status = worker.status();
    if (isDeepStrictEqual(status, this.#written.get(uid))) return;
    const { namespace, name = '' } = worker.object.metadata ?? {};
    try {
      // A merge patch replaces lists, which is what we want: all lists but the conditions are ours alone.
      await this.kube.patch(
        PODS,
        namespace,
        name,
        { metadata: { uid }, status },
        { kind: 'merge', subresource: 'status' },
      );
      this.#written.set(uid, status);
    } catch (failure) {
      if (!isNotFound(failure)) throw failure;
    }
  }
}
