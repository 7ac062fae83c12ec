import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { PODS, WorkQueue, type ConfigMap, type Informer, type Pod, type Secret } from '@weft/kube';
import type { Service } from '@weft/runtime';
import { CONTAINER_SCRIPT_FILE } from '../container/container-process.js';
import { CONTAINER_ROOT_SCRIPT } from '../scripts/container-root.js';
import type { KubeletContext } from './kubelet-context.js';
import { PodWorker } from './pod-worker.js';
import { StatusPublisher } from './status-publisher.js';

export interface KubeletSources {
  readonly pods: Informer<Pod>;
  readonly configMaps: Informer<ConfigMap>;
  readonly secrets: Informer<Secret>;
}

/** Runs the pods that are bound to one node. */
export class Kubelet implements Service {
  readonly name: string;
  readonly #workers = new Map<string, PodWorker>();
  readonly #publisher: StatusPublisher;
  readonly #deletions: WorkQueue;
  readonly #unsubscribe: (() => void)[] = [];

  constructor(
    private readonly context: KubeletContext,
    private readonly sources: KubeletSources,
  ) {
    const { kube, log } = context;
    this.name = `kubelet of ${this.nodeName}`;
    this.#publisher = new StatusPublisher(kube, `pod status of ${this.nodeName}`, log);
    this.#deletions = new WorkQueue({
      name: `pod deletion of ${this.nodeName}`,
      concurrency: 8,
      initialBackoffMs: 100,
      maxBackoffMs: 10_000,
      log,
      handle: (uid) => this.#confirmDeletion(uid),
    });
  }

  get nodeName(): string {
    return this.context.host.node.name;
  }

  async start(): Promise<void> {
    const directory = this.context.host.node.kubeletDirectory;
    await mkdir(directory, { recursive: true });
    await writeFile(join(directory, CONTAINER_SCRIPT_FILE), CONTAINER_ROOT_SCRIPT);
    await Promise.all([this.#publisher.start(), this.#deletions.start()]);
    const { pods, configMaps, secrets } = this.sources;
    const changed =
      (kind: 'configmap' | 'secret') =>
      (object: ConfigMap | Secret): void => {
        for (const worker of this.#workers.values())
          worker.objectChanged(kind, object.metadata?.namespace ?? '', object.metadata?.name ?? '');
      };
    this.#unsubscribe.push(
      configMaps.on({ added: changed('configmap'), updated: changed('configmap') }),
      secrets.on({ added: changed('secret'), updated: changed('secret') }),
      pods.on({
        added: (pod) => this.#take(pod),
        updated: (pod) => this.#take(pod),
        deleted: (pod) => this.#drop(pod),
      }),
    );
  }

  /** Leaves pods as they are in the API; their processes end with the cluster. */
  async stop(hard: AbortSignal): Promise<void> {
    for (const unsubscribe of this.#unsubscribe.splice(0)) unsubscribe();
    await Promise.all([this.#publisher.stop(hard), this.#deletions.stop(hard)]);
  }

  worker(namespace: string, pod: string): PodWorker | undefined {
    return [...this.#workers.values()].find(
      ({ object }) => object.metadata?.namespace === namespace && object.metadata.name === pod,
    );
  }

  #take(pod: Pod): void {
    if (pod.spec?.nodeName !== this.nodeName) return;
    const uid = pod.metadata?.uid ?? '';
    const known = this.#workers.get(uid);
    if (known !== undefined) {
      known.update(pod);
      if (pod.metadata?.deletionTimestamp !== undefined) this.#deletions.add(uid);
      return;
    }
    const over = pod.status?.phase === 'Succeeded' || pod.status?.phase === 'Failed';
    if (over && pod.metadata?.deletionTimestamp === undefined) return;
    const worker = new PodWorker(this.context, pod, (changed) => this.#publisher.changed(changed));
    this.#workers.set(uid, worker);
    if (pod.metadata?.deletionTimestamp === undefined) worker.start();
    else {
      worker.update(pod);
      this.#deletions.add(uid);
    }
  }

  #drop(pod: Pod): void {
    const uid = pod.metadata?.uid ?? '';
    const worker = this.#workers.get(uid);
    if (worker === undefined) return;
    this.#publisher.forget(uid);
    void worker.forget().then(() => this.#workers.delete(uid));
  }

  /** Once nothing runs any more: the last status, then the object goes. */
  async #confirmDeletion(uid: string): Promise<undefined> {
    const worker = this.#workers.get(uid);
    if (worker === undefined) return;
    const { kube } = this.context;
    const { object } = worker;
    const graceSeconds =
      object.metadata?.deletionGracePeriodSeconds ?? object.spec?.terminationGracePeriodSeconds ?? 30;
    await worker.terminate(graceSeconds * 1000);
    const { namespace, name = '' } = object.metadata ?? {};
    await kube
      .patch(
        PODS,
        namespace,
        name,
        { metadata: { uid }, status: worker.status() },
        { kind: 'merge', subresource: 'status' },
      )
      .catch(() => undefined);
    await kube.delete(PODS, namespace, name, { gracePeriodSeconds: 0, preconditions: { uid } });
    return;
  }
}
