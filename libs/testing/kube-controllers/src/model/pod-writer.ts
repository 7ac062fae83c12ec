import { toError, type Clock } from '@weft/result';
import { PODS, type KubeClient, type KubeObject, type ObjectMeta, type Pod, type ResourceType } from '@weft/kube';
import type { Cluster } from '../cluster.js';
import { controllerRef } from './ownership.js';
import { PendingWrites } from './pending-writes.js';

export interface PodTemplate {
  readonly metadata?: ObjectMeta;
  readonly spec?: NonNullable<Pod['spec']>;
}

/** First one pod, then two, four, ...: a template that the server refuses costs one request, not hundreds. */
const MAX_BATCH = 32;

/** A pod made from a template for its controller. Give `name`, or the server makes one from the owner's. */
export function podFrom(
  template: PodTemplate,
  owner: KubeObject,
  ownerType: ResourceType<KubeObject>,
  extra: {
    readonly name?: string;
    readonly labels?: Record<string, string>;
    readonly annotations?: Record<string, string>;
  } = {},
): Pod {
  const { labels, annotations, finalizers } = template.metadata ?? {};
  const { namespace, name } = owner.metadata ?? {};
  return {
    metadata: {
      ...(extra.name === undefined ? { generateName: `${name ?? ''}-` } : { name: extra.name }),
      ...(namespace === undefined ? {} : { namespace }),
      labels: { ...labels, ...extra.labels },
      ...(annotations === undefined && extra.annotations === undefined
        ? {}
        : { annotations: { ...annotations, ...extra.annotations } }),
      ...(finalizers === undefined ? {} : { finalizers: [...finalizers] }),
      ownerReferences: [controllerRef(ownerType, owner)],
    },
    spec: structuredClone(template.spec ?? { containers: [] }),
  };
}

/** Creates and deletes pods for controllers, remembers both until the cache shows them, and writes the events. */
export class PodWriter {
  readonly pending: PendingWrites<Pod>;
  readonly #kube: KubeClient;

  constructor({ kube, pods }: Pick<Cluster, 'kube' | 'pods'>, clock: Clock) {
    this.#kube = kube;
    this.pending = new PendingWrites(pods, clock);
  }

  /** Rejects with the first refusal, after the batch in which it happened. */
  async create(owner: KubeObject, pods: readonly Pod[]): Promise<void> {
    for (let at = 0, size = 1; at < pods.length; at += size, size = Math.min(size * 2, MAX_BATCH)) {
      const batch = pods.slice(at, at + size);
      const outcomes = await Promise.allSettled(batch.map((pod) => this.#createOne(owner, pod)));
      const refused = outcomes.find((outcome) => outcome.status === 'rejected');
      if (refused !== undefined) {
        const failure = toError(refused.reason);
        this.#kube.event(owner, 'Warning', 'FailedCreate', `Error creating: ${failure.message}`);
        throw failure;
      }
    }
  }

  async delete(owner: KubeObject, pods: readonly Pod[]): Promise<void> {
    for (const pod of pods) {
      const { namespace, name = '', uid } = pod.metadata ?? {};
      const gone = await this.#kube.delete(PODS, namespace, name, uid === undefined ? {} : { preconditions: { uid } });
      this.pending.deleted(ownerUid(owner), pod);
      if (gone) this.#kube.event(owner, 'Normal', 'SuccessfulDelete', `Deleted pod: ${name}`);
    }
  }

  /** Null when the cache shows all that was written for the owner; else how long to wait at most. */
  waitMs(owner: KubeObject): number | null {
    return this.pending.waitMs(ownerUid(owner));
  }

  async #createOne(owner: KubeObject, pod: Pod): Promise<void> {
    const created = await this.#kube.create(PODS, pod);
    this.pending.created(ownerUid(owner), created);
    this.#kube.event(owner, 'Normal', 'SuccessfulCreate', `Created pod: ${created.metadata?.name ?? ''}`);
  }
}

const ownerUid = (owner: KubeObject): string => owner.metadata?.uid ?? '';
