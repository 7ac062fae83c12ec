import {
  clusterTrustBundles,
  isNotFound,
  WorkQueue,
  type ClusterTrustBundle,
  type Informer,
  type KubeClient,
} from '@weft/kube';
import { toError, type Clock } from '@weft/result';
import type { Logger, Service } from '@weft/runtime';

/** The names that Istio gives it, so that a pod's projected volume finds either. */
const TRUST_BUNDLE = 'istio.io:istiod-ca:root-cert';
const SIGNER = 'istio.io/istiod-ca';
const VERSIONS = ['v1beta1', 'v1alpha1'];
const RETRY_MS = 10_000;

export interface ClusterTrustBundlePublisherOptions {
  readonly kube: KubeClient;
  readonly rootsPem: () => string;
  readonly clock: Clock;
  readonly log: Logger;
}

/**
 * Keeps the roots in a ClusterTrustBundle, where the API server has that kind, and repairs it. Every replica watches; only the
 * leader writes.
 */
export class ClusterTrustBundlePublisher implements Service {
  readonly name = 'cluster trust bundle';
  readonly #queue: WorkQueue;
  #informer: Informer<ClusterTrustBundle> | null = null;
  #version = '';
  #cancel: () => void = () => undefined;
  #leading = false;
  #stopped = false;

  constructor(private readonly options: ClusterTrustBundlePublisherOptions) {
    this.#queue = new WorkQueue({ name: this.name, handle: () => this.#reconcile(), log: options.log });
  }

  /** Does not wait for the API server. */
  async start(): Promise<void> {
    await this.#queue.start();
    void this.#discover();
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#cancel();
    await this.#queue.stop();
    await this.#informer?.stop();
  }

  lead(leading: boolean): void {
    this.#leading = leading;
    if (leading) this.publish();
  }

  /** Looks at it again, because the roots have changed. */
  publish(): void {
    if (!this.#stopped && this.#informer?.hasSynced === true) this.#queue.add(TRUST_BUNDLE);
  }

  async #discover(): Promise<void> {
    const { kube, clock, log } = this.options;
    try {
      for (const version of VERSIONS) {
        if (!(await this.#serves(version))) continue;
        if (this.#stopped) return;
        this.#version = version;
        const fieldSelector = `metadata.name=${TRUST_BUNDLE}`;
        const informer = kube.informer(clusterTrustBundles(version), { fieldSelector });
        this.#informer = informer;
        await informer.start();
        const look = (): void => this.publish();
        informer.on({ added: look, updated: look, deleted: look });
        void informer.synced.then(look);
        return;
      }
      log.info({}, 'the API server has no ClusterTrustBundle; the roots are in ConfigMaps only');
    } catch (thrown) {
      log.debug({ err: toError(thrown).message }, 'cannot tell if the API server has ClusterTrustBundle; trying again');
      if (!this.#stopped) this.#cancel = clock.after(RETRY_MS, () => void this.#discover());
    }
  }

  async #serves(version: string): Promise<boolean> {
    try {
      await this.options.kube.list(clusterTrustBundles(version), { fieldSelector: `metadata.name=${TRUST_BUNDLE}` });
      return true;
    } catch (failure) {
      if (isNotFound(failure)) return false;
      throw failure;
    }
  }

  async #reconcile(): Promise<undefined> {
    const { kube, rootsPem } = this.options;
    const trustBundle = rootsPem();
    if (!this.#leading || trustBundle === '') return;
    const spec = { signerName: SIGNER, trustBundle };
    const current = this.#informer?.get(undefined, TRUST_BUNDLE)?.spec;
    if (current?.trustBundle === trustBundle && current.signerName === SIGNER) return;
    const object: ClusterTrustBundle = { metadata: { name: TRUST_BUNDLE }, spec };
    await kube.apply(clusterTrustBundles(this.#version), object, { fieldManager: 'weft-ca', force: true });
  }
}
