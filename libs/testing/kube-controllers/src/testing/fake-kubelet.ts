import { objectKey, PODS, type Informer, type KubeClient, type Pod } from '@weft/kube';

/** Does to bound pods what a node would: gives them an address, runs them, and makes them ready when the test says so. */
export class FakeKubelet {
  readonly #pods: Informer<Pod>;
  #nextAddress = 2;
  #tail: Promise<void> = Promise.resolve();
  readonly #waiting = new Set<string>();

  constructor(
    private readonly kube: KubeClient,
    private readonly autoReady = true,
  ) {
    this.#pods = kube.informer(PODS);
    const seen = (pod: Pod): void => {
      if (!pod.spec?.nodeName) return;
      if (pod.metadata?.deletionTimestamp !== undefined) this.#kill(pod);
      else if (pod.status?.podIP === undefined) this.#enqueue(pod);
    };
    this.#pods.on({ added: seen, updated: seen, deleted: (pod) => this.#waiting.delete(objectKey(pod)) });
  }

  async start(): Promise<void> {
    await this.#pods.start();
    await this.#pods.synced;
  }

  async stop(): Promise<void> {
    await this.#pods.stop();
    await this.#tail;
  }

  get pods(): readonly Pod[] {
    return this.#pods.list();
  }

  /** Pods that run and are not ready yet. */
  get waiting(): readonly string[] {
    return [...this.#waiting];
  }

  async setReady(key: string, ready = true): Promise<void> {
    const [namespace, name] = key.split('/') as [string, string];
    this.#waiting.delete(key);
    const at = new Date().toISOString();
    const conditions = [{ type: 'Ready', status: ready ? 'True' : 'False', lastTransitionTime: at }];
    await this.kube
      .patch(PODS, namespace, name, { status: { conditions } }, { kind: 'merge', subresource: 'status' })
      .catch(() => undefined);
  }

  async finish(key: string, phase: 'Succeeded' | 'Failed'): Promise<void> {
    const [namespace, name] = key.split('/') as [string, string];
    const status = { phase, conditions: [{ type: 'Ready', status: 'False' }] };
    await this.kube.patch(PODS, namespace, name, { status }, { kind: 'merge', subresource: 'status' });
  }

  #kill({ metadata }: Pod): void {
    const { namespace, name = '', uid } = metadata ?? {};
    const options = { gracePeriodSeconds: 0, ...(uid === undefined ? {} : { preconditions: { uid } }) };
    this.#tail = this.#tail.then(async () => {
      await this.kube.delete(PODS, namespace, name, options).catch(() => undefined);
    });
  }

  #enqueue(pod: Pod): void {
    const key = objectKey(pod);
    const podIP = `10.244.0.${this.#nextAddress++}`;
    this.#waiting.add(key);
    this.#tail = this.#tail.then(async () => {
      const { namespace, name = '' } = pod.metadata ?? {};
      const status = { phase: 'Running', podIP, podIPs: [{ ip: podIP }] };
      await this.kube
        .patch(PODS, namespace, name, { status }, { kind: 'merge', subresource: 'status' })
        .catch(() => undefined);
      if (this.autoReady) await this.setReady(key);
    });
  }
}
