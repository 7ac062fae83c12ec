import type { Service } from '@weft/runtime';
import { REPLICA_SETS, setCondition, splitKey, type Pod, type ReplicaSet, type WorkQueue } from '@weft/kube';
import { toError } from '@weft/result';
import { matchesLabels } from '@weft/testing-kube-schema';
import {
  controllerQueue,
  queueAdopters,
  queueController,
  queueSelf,
  requeueAfter,
  writeStatus,
  type ControllerContext,
  type Outcome,
} from '../controller.js';
import { claimPods } from '../model/claim-pods.js';
import { workloadSelector } from '../model/ownership.js';
import { isActive, isAvailable, isReady, nextAvailabilityMs, removalOrder } from '../model/pod-state.js';
import { podFrom, PodWriter } from '../model/pod-writer.js';

type Status = NonNullable<ReplicaSet['status']>;

/** Keeps `spec.replicas` pods of each ReplicaSet. */
export class ReplicaSetController implements Service {
  readonly name = 'ReplicaSet controller';
  readonly #queue: WorkQueue;
  readonly #writer: PodWriter;

  constructor(private readonly context: ControllerContext) {
    const { cluster, clock } = context;
    this.#writer = new PodWriter(cluster, clock);
    this.#queue = controllerQueue('replicasets', context, (key) => this.#reconcile(key));
    queueSelf(cluster.replicaSets, this.#queue);
    queueController(cluster.pods, 'ReplicaSet', this.#queue);
    queueAdopters(cluster.pods, cluster.replicaSets, this.#queue);
  }

  start(): Promise<void> {
    return this.#queue.start();
  }

  stop(hard: AbortSignal): Promise<void> {
    return this.#queue.stop(hard);
  }

  async #reconcile(key: string): Promise<Outcome> {
    const { namespace, name } = splitKey(key);
    const { cluster, clock } = this.context;
    const set = cluster.replicaSets.get(namespace, name);
    if (set === undefined) return undefined;
    const pods = await claimPods(cluster, REPLICA_SETS, set);
    const active = pods.filter(isActive);
    const waitMs = this.#writer.waitMs(set);
    let refused: Error | null = null;
    if (waitMs === null && set.metadata?.deletionTimestamp === undefined) {
      refused = await this.#scale(set, active).then(
        () => null,
        (failure: unknown) => toError(failure),
      );
    }
    await writeStatus(cluster.kube, REPLICA_SETS, set, this.#status(set, active, refused));
    if (refused !== null) throw refused;
    return requeueAfter(waitMs, nextAvailabilityMs(active, set.spec?.minReadySeconds ?? 0, clock.now()));
  }

  async #scale(set: ReplicaSet, active: readonly Pod[]): Promise<void> {
    const missing = (set.spec?.replicas ?? 1) - active.length;
    if (missing > 0) {
      const pod = podFrom(set.spec?.template ?? {}, set, REPLICA_SETS);
      await this.#writer.create(set, Array<Pod>(missing).fill(pod));
    } else if (missing < 0) {
      await this.#writer.delete(set, removalOrder(active).slice(0, -missing));
    }
  }

  #status(set: ReplicaSet, active: readonly Pod[], refused: Error | null): Status {
    const now = this.context.clock.now();
    const template = workloadSelector({ matchLabels: set.spec?.template?.metadata?.labels ?? {} });
    const minReadySeconds = set.spec?.minReadySeconds ?? 0;
    const old = set.status?.conditions?.filter(({ type }) => type !== 'ReplicaFailure') ?? [];
    const reason = active.length < (set.spec?.replicas ?? 1) ? 'FailedCreate' : 'FailedDelete';
    const failure = refused && { type: 'ReplicaFailure', status: 'True', reason, message: refused.message };
    const conditions =
      failure === null ? old : setCondition(set.status?.conditions, failure, new Date(now).toISOString());
    return {
      replicas: active.length,
      fullyLabeledReplicas: active.filter((pod) => matchesLabels(template, pod.metadata?.labels)).length,
      readyReplicas: active.filter(isReady).length,
      availableReplicas: active.filter((pod) => isAvailable(pod, minReadySeconds, now)).length,
      ...(set.metadata?.generation === undefined ? {} : { observedGeneration: set.metadata.generation }),
      ...(conditions.length === 0 ? {} : { conditions: [...conditions] }),
    };
  }
}
