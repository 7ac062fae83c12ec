import type { Service } from '@weft/runtime';
import {
  isConflict,
  isNotFound,
  objectKey,
  PODS,
  setCondition,
  splitKey,
  type Node,
  type Pod,
  type WorkQueue,
} from '@weft/kube';
import { controllerQueue, type ControllerContext, type Outcome } from '../controller.js';
import { equalJson } from '@weft/testing-kube-schema';
import { controllerOf } from '../model/ownership.js';
import { matchesTerm, whyNot } from './node-fit.js';
import { podAffinityProblem, type Placed } from './pod-affinity.js';

const SCHEDULER = 'default-scheduler';
const RETRY_MS = 30_000;

type Choice = { readonly node: string } | { readonly message: string };

/**
 * Binds pods to nodes: node selector and affinity, taints, host ports, requests and pod counts, required pod (anti-)affinity;
 * among the nodes that fit, the preferred, then the one with the fewest siblings, then with the fewest pods.
 */
export class Scheduler implements Service {
  readonly name = 'scheduler';
  readonly #queue: WorkQueue;
  /** Bound by us, but not shown by the cache yet: pod uid -> node. */
  readonly #assumed = new Map<string, { pod: Pod; node: string }>();
  readonly #unschedulable = new Set<string>();

  constructor(private readonly context: ControllerContext) {
    const { cluster } = context;
    this.#queue = controllerQueue('scheduler', context, (key) => this.#schedule(key), 1);
    cluster.pods.on({
      added: (pod) => this.#seen(pod),
      updated: (pod) => this.#seen(pod),
      deleted: (pod) => {
        this.#assumed.delete(pod.metadata?.uid ?? '');
        this.#unschedulable.delete(objectKey(pod));
        this.#retryAll();
      },
    });
    cluster.nodes.on({
      added: () => this.#retryAll(),
      deleted: () => this.#retryAll(),
      updated: (node, old) => {
        if (!equalJson(relevant(node), relevant(old))) this.#retryAll();
      },
    });
  }

  start(): Promise<void> {
    return this.#queue.start();
  }

  stop(hard: AbortSignal): Promise<void> {
    return this.#queue.stop(hard);
  }

  #seen(pod: Pod): void {
    if (pod.spec?.nodeName) this.#assumed.delete(pod.metadata?.uid ?? '');
    else if (isOurs(pod)) this.#queue.add(objectKey(pod));
    if (isFinished(pod)) this.#retryAll();
  }

  /** Something changed that may make room. */
  #retryAll(): void {
    for (const key of this.#unschedulable) this.#queue.add(key);
  }

  async #schedule(key: string): Promise<Outcome> {
    const { namespace, name } = splitKey(key);
    const pod = this.context.cluster.pods.get(namespace, name);
    this.#unschedulable.delete(key);
    if (pod === undefined || !isOurs(pod) || this.#assumed.has(pod.metadata?.uid ?? '')) return undefined;
    const choice = this.#choose(pod);
    if ('node' in choice) {
      await this.#bind(pod, choice.node);
      return undefined;
    }
    this.#unschedulable.add(key);
    await this.#reportUnschedulable(pod, choice.message);
    return { requeueAfterMs: RETRY_MS };
  }

  #choose(pod: Pod): Choice {
    const nodes = this.context.cluster.nodes.list();
    const placed = this.#placed();
    const reasons = new Map<string, number>();
    const fitting: { node: Node; score: readonly number[] }[] = [];
    for (const node of nodes) {
      const here = placed.filter((each) => each.node === node).map((each) => each.pod);
      const reason = whyNot(pod, node, here) ?? podAffinityProblem(pod, node, placed);
      if (reason === null) fitting.push({ node, score: score(pod, node, here) });
      else reasons.set(reason, (reasons.get(reason) ?? 0) + 1);
    }
    fitting.sort(
      (a, b) => compare(a.score, b.score) || (a.node.metadata?.name ?? '').localeCompare(b.node.metadata?.name ?? ''),
    );
    const best = fitting[0]?.node.metadata?.name;
    if (best !== undefined) return { node: best };
    const why = [...reasons].map(([reason, count]) => `${count} ${reason}`).join(', ');
    return {
      message:
        nodes.length === 0 ? 'no nodes available to schedule pods' : `0/${nodes.length} nodes are available: ${why}.`,
    };
  }

  #placed(): Placed[] {
    const { cluster } = this.context;
    const nodes = new Map(cluster.nodes.list().map((node) => [node.metadata?.name ?? '', node]));
    const running = cluster.pods.list().filter((pod) => pod.spec?.nodeName && !isFinished(pod));
    const located = [
      ...running.map((pod) => ({ pod, node: nodes.get(pod.spec?.nodeName ?? '') })),
      ...[...this.#assumed.values()].map(({ pod, node }) => ({ pod, node: nodes.get(node) })),
    ];
    return located.filter((each): each is Placed => each.node !== undefined);
  }

  async #bind(pod: Pod, node: string): Promise<void> {
    const { kube } = this.context.cluster;
    const { namespace, name = '', uid } = pod.metadata ?? {};
    this.#assumed.set(uid ?? '', { pod, node });
    try {
      await kube.createSubresource(
        PODS,
        { namespace, name, subresource: 'binding' },
        {
          apiVersion: 'v1',
          kind: 'Binding',
          metadata: { name, namespace, uid },
          target: { apiVersion: 'v1', kind: 'Node', name: node },
        },
      );
      kube.event(pod, 'Normal', 'Scheduled', `Successfully assigned ${namespace ?? ''}/${name} to ${node}`);
    } catch (failure) {
      this.#assumed.delete(uid ?? '');
      // Gone, or bound by somebody else: the informer tells.
      if (!isNotFound(failure) && !isConflict(failure)) throw failure;
    }
  }

  async #reportUnschedulable(pod: Pod, message: string): Promise<void> {
    const { cluster, clock } = this.context;
    cluster.kube.event(pod, 'Warning', 'FailedScheduling', message);
    const wanted = { type: 'PodScheduled', status: 'False', reason: 'Unschedulable', message };
    const current = pod.status?.conditions ?? [];
    const conditions = setCondition(current, wanted, new Date(clock.now()).toISOString());
    if (conditions === current) return;
    const { namespace, name = '' } = pod.metadata ?? {};
    const set = conditions.filter(({ type }) => type === 'PodScheduled');
    const body = { status: { phase: 'Pending', conditions: set } };
    await cluster.kube
      .patch(PODS, namespace, name, body, { kind: 'strategic', subresource: 'status' })
      .catch((failure: unknown) => {
        if (!isNotFound(failure)) throw failure;
      });
  }
}

const isFinished = ({ status }: Pod): boolean => status?.phase === 'Succeeded' || status?.phase === 'Failed';

const isOurs = (pod: Pod): boolean =>
  !pod.spec?.nodeName &&
  !isFinished(pod) &&
  pod.metadata?.deletionTimestamp === undefined &&
  (pod.spec?.schedulerName ?? SCHEDULER) === SCHEDULER &&
  (pod.spec?.schedulingGates ?? []).length === 0;

const relevant = ({ metadata, spec, status }: Node): unknown => [
  metadata?.labels,
  spec?.taints,
  spec?.unschedulable,
  status?.allocatable,
];

/** Smaller is better: less preferred weight missed, fewer siblings, fewer pods. */
function score(pod: Pod, node: Node, here: readonly Pod[]): number[] {
  const preferred = pod.spec?.affinity?.nodeAffinity?.preferredDuringSchedulingIgnoredDuringExecution ?? [];
  const weight = preferred.reduce((sum, term) => sum + (matchesTerm(term.preference, node) ? term.weight : 0), 0);
  const owner = controllerOf(pod)?.uid;
  const siblings = owner === undefined ? 0 : here.filter((other) => controllerOf(other)?.uid === owner).length;
  return [-weight, siblings, here.length];
}

function compare(a: readonly number[], b: readonly number[]): number {
  const at = a.findIndex((value, i) => value !== b[i]);
  return at < 0 ? 0 : a[at]! - b[at]!;
}
