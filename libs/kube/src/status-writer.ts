import { isDeepStrictEqual } from 'node:util';
import type { Service } from '@weft/runtime';
import { isNotFound } from './errors.js';
import { SILENT, type KubeLog } from './kube-log.js';
import type { KubeClient } from './kube-client.js';
import { objectKey, type KubeObject, type ResourceType } from './resource-type.js';
import { WorkQueue } from './work-queue.js';

export interface StatusWriterOptions<T extends KubeObject> {
  readonly kube: Pick<KubeClient, 'apply'>;
  readonly type: ResourceType<T>;
  readonly fieldManager: string;
  readonly concurrency?: number;
  readonly log?: KubeLog;
}

/**
 * Brings the status of objects to the server by server-side apply, off the path of whoever computes it.
 *
 * Only the newest wanted status of an object is written, one write at a time for each; one that equals the last written is not
 * written again; failures are retried with back-off; an object that is gone is forgotten. The status holds just our fields:
 * other writers keep theirs.
 */
export class StatusWriter<T extends KubeObject & { status?: unknown }> implements Service {
  readonly name: string;
  readonly #wanted = new Map<string, T>();
  readonly #written = new Map<string, { uid: string | undefined; status: unknown }>();
  readonly #queue: WorkQueue;

  constructor(private readonly options: StatusWriterOptions<T>) {
    this.name = `status of ${options.type.plural}`;
    this.#queue = new WorkQueue({
      name: this.name,
      concurrency: options.concurrency ?? 4,
      log: options.log ?? SILENT,
      handle: (key) => this.#write(key),
    });
  }

  start(): Promise<void> {
    return this.#queue.start();
  }

  stop(hard: AbortSignal): Promise<void> {
    return this.#queue.stop(hard);
  }

  /** Call while leader only. `status` is complete: fields that we wrote before and left out now are removed. */
  set(object: T, status: NonNullable<T['status']>): void {
    const { namespace, name, uid } = object.metadata ?? {};
    const key = objectKey(object);
    const written = this.#written.get(key);
    if (!this.#wanted.has(key) && written?.uid === uid && isDeepStrictEqual(written?.status, status)) return;
    const metadata = { name, namespace, uid };
    this.#wanted.set(key, {
      apiVersion: this.options.type.apiVersion,
      kind: this.options.type.kind,
      metadata,
      status,
    } as unknown as T);
    this.#queue.add(key);
  }

  forget(object: T): void {
    const key = objectKey(object);
    this.#wanted.delete(key);
    this.#written.delete(key);
  }

  /** Resolves when nothing waits to be written; retries that are due later do not count. */
  idle(): Promise<void> {
    return this.#queue.idle();
  }

  async #write(key: string): Promise<undefined> {
    const wanted = this.#wanted.get(key);
    if (wanted === undefined) return;
    const { kube, type, fieldManager } = this.options;
    try {
      await kube.apply(type, wanted, { fieldManager, force: true, subresource: 'status' });
    } catch (failure) {
      if (!isNotFound(failure)) throw failure;
      this.forget(wanted);
      return;
    }
    this.#written.set(key, { uid: wanted.metadata?.uid, status: wanted.status });
    if (this.#wanted.get(key) === wanted) this.#wanted.delete(key);
  }
}
