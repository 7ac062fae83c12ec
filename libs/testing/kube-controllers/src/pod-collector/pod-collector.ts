import type { Service } from '@weft/runtime';
import { objectKey, PODS, splitKey, type Pod, type WorkQueue } from '@weft/kube';
import { controllerQueue, type ControllerContext, type Outcome } from '../controller.js';

/** A node that is registered anew within this time keeps its pods. */
const QUARANTINE_MS = 40_000;

/**
 * Deletes pods that no kubelet will ever finish: those of nodes that do not exist any more. A cluster that comes back with
 * fewer nodes would else believe that their pods still run.
 */
export class PodCollector implements Service {
  readonly name = 'pod collector';
  readonly #queue: WorkQueue;
  /** Pod uid -> since when its node is missing. */
  readonly #missingSince = new Map<string, number>();

  constructor(
    private readonly context: ControllerContext,
    private readonly quarantineMs = QUARANTINE_MS,
  ) {
    const { cluster } = context;
    this.#queue = controllerQueue('orphaned pods', context, (key) => this.#check(key));
    const add = (pod: Pod): void => {
      if (this.#isOrphan(pod)) this.#queue.add(objectKey(pod));
    };
    cluster.pods.on({ added: add, updated: add, deleted: (pod) => this.#missingSince.delete(pod.metadata?.uid ?? '') });
    cluster.nodes.on({
      deleted: () => {
        cluster.pods.list().forEach(add);
      },
    });
  }

  start(): Promise<void> {
    return this.#queue.start();
  }

  stop(hard: AbortSignal): Promise<void> {
    return this.#queue.stop(hard);
  }

  #isOrphan({ spec }: Pod): boolean {
    return Boolean(spec?.nodeName) && this.context.cluster.nodes.get(undefined, spec?.nodeName ?? '') === undefined;
  }

  async #check(key: string): Promise<Outcome> {
    const { namespace, name } = splitKey(key);
    const { cluster, clock } = this.context;
    const pod = cluster.pods.get(namespace, name);
    const uid = pod?.metadata?.uid ?? '';
    if (pod === undefined || !this.#isOrphan(pod)) {
      this.#missingSince.delete(uid);
      return undefined;
    }
    const since = this.#missingSince.get(uid) ?? clock.now();
    this.#missingSince.set(uid, since);
    const leftMs = since + this.quarantineMs - clock.now();
    if (leftMs > 0) return { requeueAfterMs: leftMs };
    cluster.kube.event(
      pod,
      'Warning',
      'NodeGone',
      `Deleted: its node ${pod.spec?.nodeName ?? ''} does not exist any more`,
    );
    await cluster.kube.delete(PODS, namespace, name, { gracePeriodSeconds: 0, preconditions: { uid } });
    return undefined;
  }
}
