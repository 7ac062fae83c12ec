import type { Service } from '@weft/runtime';
import { DAEMON_SETS, objectKey, splitKey, type DaemonSet, type Pod, type WorkQueue } from '@weft/kube';
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
import { resolveBound } from '../deployment/rollout.js';
import { equalJson } from '@weft/testing-kube-schema';
import { claimPods } from '../model/claim-pods.js';
import { isActive, isAvailable, isReady, nextAvailabilityMs } from '../model/pod-state.js';
import { podFrom, PodWriter } from '../model/pod-writer.js';
import { REVISION_HASH, syncRevisions, trimRevisions } from '../model/revision-history.js';
import { belongsOn, targetNode, templateForNode } from './daemon-nodes.js';
import { planDaemons, type DaemonNode, type DaemonStrategy } from './daemon-plan.js';

type Status = NonNullable<DaemonSet['status']>;

/** Failed daemons come back after this long, so that one that dies at once does not spin. */
const FAILED_PAUSE_MS = 1_000;

/** Keeps one pod of each DaemonSet on every node where it belongs. */
export class DaemonSetController implements Service {
  readonly name = 'DaemonSet controller';
  readonly #queue: WorkQueue;
  readonly #writer: PodWriter;

  constructor(private readonly context: ControllerContext) {
    const { cluster, clock } = context;
    this.#writer = new PodWriter(cluster, clock);
    this.#queue = controllerQueue('daemonsets', context, (key) => this.#reconcile(key));
    queueSelf(cluster.daemonSets, this.#queue);
    queueController(cluster.pods, 'DaemonSet', this.#queue);
    queueAdopters(cluster.pods, cluster.daemonSets, this.#queue);
    const all = (): void => cluster.daemonSets.list().forEach((set) => this.#queue.add(objectKey(set)));
    cluster.nodes.on({
      added: all,
      deleted: all,
      updated: (node, old) => {
        if (!equalJson([node.metadata?.labels, node.spec?.taints], [old.metadata?.labels, old.spec?.taints])) all();
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
    const set = cluster.daemonSets.get(namespace, name);
    if (set === undefined) return undefined;
    const pods = await claimPods(cluster, DAEMON_SETS, set);
    const template = set.spec?.template ?? {};
    const nodes = cluster.nodes.list().map((node): DaemonNode => {
      const name = node.metadata?.name ?? '';
      return { name, ...belongsOn(template, node), pods: pods.filter((pod) => targetNode(pod) === name) };
    });
    const deleting = set.metadata?.deletionTimestamp !== undefined;
    const revision = await syncRevisions(
      cluster.kube,
      DAEMON_SETS,
      set,
      cluster.revisionsByNamespace.get(namespace ?? ''),
    );
    const strategy = this.#strategy(set, revision.hash, nodes.filter(({ run }) => run).length);
    const waitMs = this.#writer.waitMs(set);
    let pauseMs: number | undefined;
    if (waitMs === null && !deleting) pauseMs = await this.#manage(set, nodes, strategy);
    await writeStatus(cluster.kube, DAEMON_SETS, set, this.#status(set, nodes, strategy));
    const inUse = new Set(pods.map((pod) => pod.metadata?.labels?.[REVISION_HASH] ?? ''));
    if (!deleting) await trimRevisions(cluster.kube, revision, set.spec?.revisionHistoryLimit ?? 10, inUse);
    return requeueAfter(
      waitMs,
      pauseMs,
      nextAvailabilityMs(pods.filter(isActive), strategy.minReadySeconds, clock.now()),
    );
  }

  async #manage(set: DaemonSet, nodes: readonly DaemonNode[], strategy: DaemonStrategy): Promise<number | undefined> {
    const plan = planDaemons(nodes, strategy, this.context.clock.now());
    await this.#writer.delete(set, plan.delete);
    const failed = plan.delete.some(({ status }) => status?.phase === 'Failed');
    const template = set.spec?.template ?? {};
    const labels = { [REVISION_HASH]: strategy.hash };
    const wanted = plan.create.map((node) => podFrom(templateForNode(template, node), set, DAEMON_SETS, { labels }));
    await this.#writer.create(set, wanted);
    return failed ? FAILED_PAUSE_MS : undefined;
  }

  #strategy(set: DaemonSet, hash: string, wanted: number): DaemonStrategy {
    const { updateStrategy, minReadySeconds = 0 } = set.spec ?? {};
    const maxSurge = resolveBound(updateStrategy?.rollingUpdate?.maxSurge ?? 0, wanted, 'up');
    const maxUnavailable = resolveBound(updateStrategy?.rollingUpdate?.maxUnavailable ?? 1, wanted, 'up');
    return { onDelete: updateStrategy?.type === 'OnDelete', maxSurge, maxUnavailable, minReadySeconds, hash };
  }

  #status(set: DaemonSet, nodes: readonly DaemonNode[], { hash, minReadySeconds }: DaemonStrategy): Status {
    const now = this.context.clock.now();
    const wanted = nodes.filter(({ run }) => run);
    // Of a node with two, the older one counts, as in Kubernetes: an update is over when the old one goes.
    const count = (among: readonly DaemonNode[], holds: (pod: Pod) => boolean): number =>
      among.filter(({ pods }) => pods.filter(isActive).sort(oldestFirst(hash)).slice(0, 1).some(holds)).length;
    const available = count(wanted, (pod) => isAvailable(pod, minReadySeconds, now));
    const { generation } = set.metadata ?? {};
    return {
      ...(generation === undefined ? {} : { observedGeneration: generation }),
      desiredNumberScheduled: wanted.length,
      currentNumberScheduled: count(wanted, () => true),
      numberMisscheduled: count(
        nodes.filter(({ run }) => !run),
        () => true,
      ),
      numberReady: count(wanted, isReady),
      updatedNumberScheduled: count(wanted, (pod) => pod.metadata?.labels?.[REVISION_HASH] === hash),
      numberAvailable: available,
      numberUnavailable: wanted.length - available,
    };
  }
}

/** Times of objects have whole seconds: within one, a pod of an earlier revision is the older. */
const oldestFirst =
  (hash: string) =>
  (a: Pod, b: Pod): number =>
    Date.parse(a.metadata?.creationTimestamp ?? '') - Date.parse(b.metadata?.creationTimestamp ?? '') ||
    Number(a.metadata?.labels?.[REVISION_HASH] === hash) - Number(b.metadata?.labels?.[REVISION_HASH] === hash);
