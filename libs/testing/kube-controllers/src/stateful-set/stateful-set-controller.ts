import type { Service } from '@weft/runtime';
import { splitKey, STATEFUL_SETS, type Pod, type StatefulSet, type WorkQueue } from '@weft/kube';
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
import { isActive, isAvailable, isReady, nextAvailabilityMs } from '../model/pod-state.js';
import { podFrom, PodWriter, type PodTemplate } from '../model/pod-writer.js';
import { REVISION_HASH, syncRevisions, trimRevisions, type CurrentRevision } from '../model/revision-history.js';
import { ordinalOf, planStateful, type StatefulStrategy } from './stateful-plan.js';

type Status = NonNullable<StatefulSet['status']>;

/** Keeps the numbered pods of each StatefulSet. Volume claims are not made: there are no persistent volumes here. */
export class StatefulSetController implements Service {
  readonly name = 'StatefulSet controller';
  readonly #queue: WorkQueue;
  readonly #writer: PodWriter;

  constructor(private readonly context: ControllerContext) {
    const { cluster, clock } = context;
    this.#writer = new PodWriter(cluster, clock);
    this.#queue = controllerQueue('statefulsets', context, (key) => this.#reconcile(key));
    queueSelf(cluster.statefulSets, this.#queue);
    queueController(cluster.pods, 'StatefulSet', this.#queue);
    queueAdopters(cluster.pods, cluster.statefulSets, this.#queue);
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
    const set = cluster.statefulSets.get(namespace, name);
    if (set === undefined) return undefined;
    const pods = await claimPods(cluster, STATEFUL_SETS, set);
    const revision = await syncRevisions(
      cluster.kube,
      STATEFUL_SETS,
      set,
      cluster.revisionsByNamespace.get(namespace ?? ''),
    );
    const strategy = strategyOf(set, revision);
    const byOrdinal = new Map(
      pods.flatMap((pod): [number, Pod][] => {
        const ordinal = ordinalOf(pod, name);
        return ordinal === null ? [] : [[ordinal, pod]];
      }),
    );
    const waitMs = this.#writer.waitMs(set);
    const deleting = set.metadata?.deletionTimestamp !== undefined;
    if (waitMs === null && !deleting) await this.#manage(set, byOrdinal, { strategy, revision });
    await writeStatus(cluster.kube, STATEFUL_SETS, set, this.#status(set, [...byOrdinal.values()], strategy));
    const inUse = new Set([
      ...pods.map((pod) => pod.metadata?.labels?.[REVISION_HASH] ?? ''),
      strategy.currentRevision,
    ]);
    if (!deleting) await trimRevisions(cluster.kube, revision, set.spec?.revisionHistoryLimit ?? 10, inUse);
    return requeueAfter(waitMs, nextAvailabilityMs(pods.filter(isActive), strategy.minReadySeconds, clock.now()));
  }

  async #manage(
    set: StatefulSet,
    pods: ReadonlyMap<number, Pod>,
    { strategy, revision }: { strategy: StatefulStrategy; revision: CurrentRevision },
  ): Promise<void> {
    const plan = planStateful(pods, strategy, this.context.clock.now());
    await this.#writer.delete(set, plan.delete);
    if (plan.create.length > 0 && (set.spec?.volumeClaimTemplates ?? []).length > 0) {
      const message =
        'volumeClaimTemplates are ignored: this cluster has no persistent volumes; use an emptyDir or hostPath volume';
      this.context.cluster.kube.event(set, 'Warning', 'VolumesNotSupported', message);
    }
    await this.#writer.create(
      set,
      plan.create.map(({ ordinal, revision: wanted }) =>
        podOf(set, ordinal, wanted, templateOf(set, wanted, revision)),
      ),
    );
  }

  #status(set: StatefulSet, pods: readonly Pod[], strategy: StatefulStrategy): Status {
    const now = this.context.clock.now();
    const active = pods.filter(isActive);
    const of = (revision: string): Pod[] => active.filter((pod) => pod.metadata?.labels?.[REVISION_HASH] === revision);
    const updated = of(strategy.updateRevision).length;
    const done =
      updated === strategy.replicas &&
      active.length === strategy.replicas &&
      active.every(isReady) &&
      strategy.partition === 0;
    const currentRevision = done ? strategy.updateRevision : strategy.currentRevision;
    const { generation } = set.metadata ?? {};
    const { collisionCount } = set.status ?? {};
    return {
      ...(generation === undefined ? {} : { observedGeneration: generation }),
      ...(collisionCount === undefined ? {} : { collisionCount }),
      replicas: active.length,
      readyReplicas: active.filter(isReady).length,
      availableReplicas: active.filter((pod) => isAvailable(pod, strategy.minReadySeconds, now)).length,
      currentReplicas: of(currentRevision).length,
      updatedReplicas: updated,
      currentRevision,
      updateRevision: strategy.updateRevision,
    };
  }
}

function strategyOf({ spec, status }: StatefulSet, { hash }: CurrentRevision): StatefulStrategy {
  return {
    start: spec?.ordinals?.start ?? 0,
    replicas: spec?.replicas ?? 1,
    partition: spec?.updateStrategy?.rollingUpdate?.partition ?? 0,
    onDelete: spec?.updateStrategy?.type === 'OnDelete',
    parallel: spec?.podManagementPolicy === 'Parallel',
    minReadySeconds: spec?.minReadySeconds ?? 0,
    currentRevision: status?.currentRevision ?? hash,
    updateRevision: hash,
  };
}

/** Below the partition a pod comes back with its old template. */
function templateOf(set: StatefulSet, hash: string, { all }: CurrentRevision): PodTemplate {
  const revision = all.find(({ metadata }) => metadata?.labels?.[REVISION_HASH] === hash);
  const data = revision?.data as { spec?: { template?: PodTemplate & { $patch?: string } } } | undefined;
  const template = { ...data?.spec?.template };
  delete template.$patch;
  return revision === undefined ? (set.spec?.template ?? {}) : template;
}

function podOf(set: StatefulSet, ordinal: number, revision: string, template: PodTemplate): Pod {
  const name = `${set.metadata?.name ?? ''}-${ordinal}`;
  const labels = {
    'statefulset.kubernetes.io/pod-name': name,
    'apps.kubernetes.io/pod-index': String(ordinal),
    [REVISION_HASH]: revision,
  };
  const pod = podFrom(template, set, STATEFUL_SETS, { name, labels });
  const subdomain = set.spec?.serviceName;
  pod.spec = { ...pod.spec!, hostname: name, ...(subdomain ? { subdomain } : {}) };
  return pod;
}
