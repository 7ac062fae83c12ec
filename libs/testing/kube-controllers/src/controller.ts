import type { Clock } from '@weft/result';
import {
  isNotFound,
  keyOf,
  objectKey,
  WorkQueue,
  type Informer,
  type KubeClient,
  type KubeLog,
  type KubeObject,
  type ResourceType,
} from '@weft/kube';
import { equalJson, matchesLabels } from '@weft/testing-kube-schema';
import type { Cluster } from './cluster.js';
import { controllerOf, workloadSelector } from './model/ownership.js';

export interface ControllerContext {
  readonly cluster: Cluster;
  readonly clock: Clock;
  readonly log: KubeLog;
}

type Handle = (key: string) => Promise<{ readonly requeueAfterMs: number } | undefined>;
export type Outcome = Awaited<ReturnType<Handle>>;

export function controllerQueue(name: string, { log }: ControllerContext, handle: Handle, concurrency = 4): WorkQueue {
  return new WorkQueue({ name, concurrency, handle, log, maxBackoffMs: 10_000 });
}

/** Each change of an object queues the object. */
export function queueSelf<T extends KubeObject>(informer: Informer<T>, queue: WorkQueue): void {
  const add = (object: T) => queue.add(objectKey(object));
  informer.on({ added: add, updated: add, deleted: add });
}

/** Each change of an object queues its controller, before and after the change. */
export function queueController<T extends KubeObject>(informer: Informer<T>, kind: string, queue: WorkQueue): void {
  const add = (object: T): void => {
    const owner = controllerOf(object);
    if (owner?.kind === kind) queue.add(keyOf(object.metadata?.namespace, owner.name));
  };
  informer.on({
    added: add,
    deleted: add,
    updated: (object, old) => {
      if (controllerOf(old)?.uid !== controllerOf(object)?.uid) add(old);
      add(object);
    },
  });
}

/** An object without a controller queues all workloads that could adopt it. */
export function queueAdopters<T extends KubeObject, O extends KubeObject & { spec?: { selector?: unknown } }>(
  informer: Informer<T>,
  owners: Informer<O>,
  queue: WorkQueue,
): void {
  const add = (object: T): void => {
    if (controllerOf(object) !== undefined || object.metadata?.labels === undefined) return;
    for (const owner of owners.list()) {
      if (owner.metadata?.namespace !== object.metadata.namespace) continue;
      if (matchesLabels(workloadSelector(owner.spec?.selector), object.metadata.labels)) queue.add(objectKey(owner));
    }
  };
  informer.on({ added: add, updated: add });
}

/**
 * Writes the status if it differs from what the cache has. A conflict rejects, and the work queue comes back with the newer
 * object; an object that is gone needs no status.
 */
export async function writeStatus<T extends KubeObject & { status?: object }>(
  kube: Pick<KubeClient, 'replaceStatus'>,
  type: ResourceType<T>,
  object: T,
  status: NonNullable<T['status']>,
): Promise<void> {
  if (equalJson(object.status ?? {}, status)) return;
  try {
    await kube.replaceStatus(type, { ...object, status });
  } catch (failure) {
    if (!isNotFound(failure)) throw failure;
  }
}

/** The sooner of some dates in milliseconds from now, as a work queue wants it. */
export function requeueAfter(...waitsMs: readonly (number | null | undefined)[]): Outcome {
  const waits = waitsMs.filter((wait): wait is number => wait !== null && wait !== undefined);
  return waits.length === 0 ? undefined : { requeueAfterMs: Math.min(...waits) };
}
