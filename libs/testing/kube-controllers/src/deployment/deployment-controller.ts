import type { Service } from '@weft/runtime';
import { toError } from '@weft/result';
import {
  DEPLOYMENTS,
  isAlreadyExists,
  keyOf,
  REPLICA_SETS,
  splitKey,
  type Deployment,
  type ReplicaSet,
  type WorkQueue,
} from '@weft/kube';
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
import { equalJson } from '@weft/testing-kube-schema';
import { claim, controllerOf, controllerRef, isControlledBy, workloadSelector } from '../model/ownership.js';
import { deploymentStatus, isComplete, progressDeadlineMs } from './deployment-status.js';
import {
  byAge,
  DESIRED_REPLICAS,
  findNew,
  MAX_REPLICAS,
  REVISION,
  revisionAnnotations,
  revisionOf,
  TEMPLATE_HASH,
  templateHash,
} from './revisions.js';
import {
  newReplicas,
  oldReplicas,
  proportionalReplicas,
  rolloutBounds,
  type ReplicaCounts,
  type RolloutBounds,
} from './rollout.js';

/** Rolls Deployments out: one ReplicaSet per template, scaled step by step, each step decided anew from what is there. */
export class DeploymentController implements Service {
  readonly name = 'Deployment controller';
  readonly #queue: WorkQueue;

  constructor(private readonly context: ControllerContext) {
    const { cluster } = context;
    this.#queue = controllerQueue('deployments', context, (key) => this.#reconcile(key));
    queueSelf(cluster.deployments, this.#queue);
    queueController(cluster.replicaSets, 'Deployment', this.#queue);
    queueAdopters(cluster.replicaSets, cluster.deployments, this.#queue);
    // Recreate waits for the last old pod to be gone, which no ReplicaSet status tells.
    cluster.pods.on({
      deleted: (pod) => {
        const set = cluster.replicaSets.get(pod.metadata?.namespace, controllerOf(pod)?.name ?? '');
        const owner = set && controllerOf(set);
        if (owner?.kind === 'Deployment') this.#queue.add(keyOf(pod.metadata?.namespace, owner.name));
      },
    });
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
    const cached = cluster.deployments.get(namespace, name);
    if (cached === undefined) return undefined;
    // A copy, in which our own annotation write can raise the resource version before the status write.
    const deployment = { ...cached };
    const sets = (await this.#claim(deployment)).sort(byAge);
    const { replicas = 1, strategy, paused = false } = deployment.spec ?? {};
    const rolling = strategy?.type === 'Recreate' ? { maxSurge: 0, maxUnavailable: replicas } : strategy?.rollingUpdate;
    const bounds = rolloutBounds(replicas, rolling?.maxSurge, rolling?.maxUnavailable);
    let refused: Error | null = null;
    let fresh = findNew(deployment, sets);
    if (deployment.metadata?.deletionTimestamp === undefined) {
      try {
        fresh = await this.#progress({ deployment, sets, bounds, fresh, paused });
      } catch (failure) {
        refused = toError(failure);
      }
    }
    const status = deploymentStatus({ deployment, bounds, fresh, sets, nowMs: clock.now(), refused, paused });
    await writeStatus(cluster.kube, DEPLOYMENTS, deployment, status);
    if (refused !== null) throw refused;
    return requeueAfter(progressDeadlineMs({ ...deployment, status }, status, clock.now()));
  }

  #claim(deployment: Deployment): Promise<ReplicaSet[]> {
    const { cluster } = this.context;
    return claim({
      kube: cluster.kube,
      ownerType: DEPLOYMENTS,
      owner: deployment,
      selector: workloadSelector(deployment.spec?.selector),
      type: REPLICA_SETS,
      candidates: cluster.replicaSetsByNamespace.get(deployment.metadata?.namespace ?? ''),
    });
  }

  /** One step; the informers bring the next one. Gives the ReplicaSet of the current template. */
  async #progress(rollout: Rollout): Promise<ReplicaSet | undefined> {
    const { deployment, sets, bounds, paused } = rollout;
    if (paused || isScaling(deployment, sets)) {
      await this.#scaleAll(rollout);
      return rollout.fresh;
    }
    const old = sets.filter((set) => set !== rollout.fresh);
    if (deployment.spec?.strategy?.type === 'Recreate' && (await this.#removeOld(deployment, old, bounds)))
      return rollout.fresh;
    const fresh =
      rollout.fresh === undefined
        ? await this.#createNew(rollout, old)
        : await this.#annotate(rollout, rollout.fresh, old);
    await this.#markRevision(deployment, fresh);
    const wanted = newReplicas(bounds, countsOf(fresh), old.map(countsOf));
    if (await this.#scale(deployment, fresh, wanted, bounds)) return fresh;
    const keep = oldReplicas(bounds, countsOf(fresh), old.map(countsOf));
    for (const set of old) await this.#scale(deployment, set, keep.get(set.metadata?.name ?? '') ?? 0, bounds);
    if (deployment.status !== undefined && isComplete(deployment, deployment.status))
      await this.#forgetOld(deployment, old);
    return fresh;
  }

  /** True while old pods are left: the new ones must wait. */
  async #removeOld(deployment: Deployment, old: readonly ReplicaSet[], bounds: RolloutBounds): Promise<boolean> {
    let waiting = false;
    for (const set of old) waiting = (await this.#scale(deployment, set, 0, bounds)) || waiting;
    const running = old.some((set) =>
      this.context.cluster.podsByController
        .get(set.metadata?.uid ?? '')
        .some(({ status }) => status?.phase !== 'Succeeded' && status?.phase !== 'Failed'),
    );
    return waiting || running;
  }

  async #createNew({ deployment, bounds }: Rollout, old: readonly ReplicaSet[]): Promise<ReplicaSet> {
    const { kube } = this.context.cluster;
    const hash = templateHash(deployment);
    const template = deployment.spec?.template ?? {};
    const labels = { ...template.metadata?.labels, [TEMPLATE_HASH]: hash };
    const { namespace = '', name = '' } = deployment.metadata ?? {};
    const counts = { name: '', wanted: 0, existing: 0, available: 0 };
    const replicas = newReplicas(bounds, counts, old.map(countsOf));
    const set: ReplicaSet = {
      metadata: {
        name: `${name}-${hash}`,
        namespace,
        labels,
        annotations: { ...revisionAnnotations(deployment, undefined, old), ...scaleAnnotations(bounds) },
        ownerReferences: [controllerRef(DEPLOYMENTS, deployment)],
      },
      spec: {
        replicas,
        minReadySeconds: deployment.spec?.minReadySeconds ?? 0,
        selector: {
          ...deployment.spec?.selector,
          matchLabels: { ...deployment.spec?.selector.matchLabels, [TEMPLATE_HASH]: hash },
        },
        template: { ...structuredClone(template), metadata: { ...template.metadata, labels } },
      },
    };
    try {
      const created = await kube.create(REPLICA_SETS, set);
      if (replicas > 0) this.#scaled(deployment, created, 0, replicas);
      return created;
    } catch (failure) {
      if (isAlreadyExists(failure)) return this.#existing(deployment, set, toError(failure));
      throw failure;
    }
  }

  /** Ours, which the cache does not show yet; or a stranger with our name, which costs the next name a collision count. */
  async #existing(deployment: Deployment, wanted: ReplicaSet, failure: Error): Promise<ReplicaSet> {
    const { kube } = this.context.cluster;
    const existing = await kube.get(REPLICA_SETS, wanted.metadata?.namespace, wanted.metadata?.name ?? '');
    if (existing !== null && isControlledBy(existing, deployment) && findNew(deployment, [existing]) !== undefined)
      return existing;
    const collisionCount = (deployment.status?.collisionCount ?? 0) + 1;
    await kube.replaceStatus(DEPLOYMENTS, { ...deployment, status: { ...deployment.status, collisionCount } });
    throw failure;
  }

  async #annotate({ deployment, bounds }: Rollout, fresh: ReplicaSet, old: readonly ReplicaSet[]): Promise<ReplicaSet> {
    const annotations = { ...revisionAnnotations(deployment, fresh, old), ...scaleAnnotations(bounds) };
    const minReadySeconds = deployment.spec?.minReadySeconds ?? 0;
    const same = equalJson(annotations, fresh.metadata?.annotations ?? {});
    if (same && (fresh.spec?.minReadySeconds ?? 0) === minReadySeconds) return fresh;
    const changed = {
      ...fresh,
      metadata: { ...fresh.metadata, annotations },
      spec: { ...fresh.spec!, minReadySeconds },
    };
    return this.context.cluster.kube.replace(REPLICA_SETS, changed);
  }

  async #markRevision(deployment: Deployment, fresh: ReplicaSet): Promise<void> {
    const revision = String(revisionOf(fresh));
    if (deployment.metadata?.annotations?.[REVISION] === revision) return;
    const { namespace, name = '' } = deployment.metadata ?? {};
    const body = { metadata: { annotations: { [REVISION]: revision } } };
    const marked = await this.context.cluster.kube.patch(DEPLOYMENTS, namespace, name, body, { kind: 'merge' });
    // The status write that follows must not fail over our own change.
    const resourceVersion = marked.metadata?.resourceVersion;
    const annotations = marked.metadata?.annotations ?? {};
    if (resourceVersion !== undefined) deployment.metadata = { ...deployment.metadata, resourceVersion, annotations };
  }

  /** Scaled in the middle of a rollout, or while paused: every set keeps its share. */
  async #scaleAll({ deployment, sets, bounds, fresh }: Rollout): Promise<void> {
    const live = sets.filter(({ spec }) => (spec?.replicas ?? 0) > 0);
    const only = live.length === 0 ? (fresh ?? sets.at(-1)) : live.length === 1 ? live[0] : undefined;
    if (only !== undefined) {
      await this.#scale(deployment, only, bounds.replicas, bounds);
      return;
    }
    const rolling = deployment.spec?.strategy?.type !== 'Recreate';
    const shares = proportionalReplicas(rolling ? bounds : { ...bounds, maxSurge: 0 }, live.map(countsOf).reverse());
    for (const set of live) await this.#scale(deployment, set, shares.get(set.metadata?.name ?? '') ?? 0, bounds);
  }

  /** True if the set had another size. Annotations change with it, so that a later scale event is told from this one. */
  async #scale(deployment: Deployment, set: ReplicaSet, replicas: number, bounds: RolloutBounds): Promise<boolean> {
    const annotations = { ...set.metadata?.annotations, ...scaleAnnotations(bounds) };
    const before = set.spec?.replicas ?? 1;
    const sameNotes = equalJson(annotations, set.metadata?.annotations ?? {});
    if (before === replicas && sameNotes) return false;
    await this.context.cluster.kube.replace(REPLICA_SETS, {
      ...set,
      metadata: { ...set.metadata, annotations },
      spec: { ...set.spec!, replicas },
    });
    if (before !== replicas) this.#scaled(deployment, set, before, replicas);
    return before !== replicas;
  }

  async #forgetOld(deployment: Deployment, old: readonly ReplicaSet[]): Promise<void> {
    const { kube } = this.context.cluster;
    const limit = deployment.spec?.revisionHistoryLimit ?? 10;
    const idle = old.filter(({ spec, status }) => spec?.replicas === 0 && (status?.replicas ?? 0) === 0);
    const excess = idle.sort((a, b) => revisionOf(a) - revisionOf(b)).slice(0, Math.max(0, idle.length - limit));
    for (const { metadata } of excess) await kube.delete(REPLICA_SETS, metadata?.namespace, metadata?.name ?? '');
  }

  #scaled(deployment: Deployment, set: ReplicaSet, from: number, to: number): void {
    const message = `Scaled ${to > from ? 'up' : 'down'} replica set ${set.metadata?.name ?? ''} from ${from} to ${to}`;
    this.context.cluster.kube.event(deployment, 'Normal', 'ScalingReplicaSet', message);
  }
}

interface Rollout {
  readonly deployment: Deployment;
  /** Oldest first. */
  readonly sets: readonly ReplicaSet[];
  readonly bounds: RolloutBounds;
  readonly fresh: ReplicaSet | undefined;
  readonly paused: boolean;
}

const countsOf = ({ metadata, spec, status }: ReplicaSet): ReplicaCounts => ({
  name: metadata?.name ?? '',
  wanted: spec?.replicas ?? 1,
  existing: status?.replicas ?? 0,
  available: status?.availableReplicas ?? 0,
});

const scaleAnnotations = ({ replicas, maxSurge }: RolloutBounds): Record<string, string> => ({
  [DESIRED_REPLICAS]: String(replicas),
  [MAX_REPLICAS]: String(replicas + maxSurge),
});

/** The Deployment's size changed since its ReplicaSets were scaled last. */
const isScaling = ({ spec }: Deployment, sets: readonly ReplicaSet[]): boolean =>
  sets.some(({ metadata, spec: own }) => {
    const noted = metadata?.annotations?.[DESIRED_REPLICAS];
    return (own?.replicas ?? 0) > 0 && noted !== undefined && Number(noted) !== (spec?.replicas ?? 1);
  });
