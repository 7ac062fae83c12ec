import {
  CONFIG_MAPS,
  isNotFound,
  WorkQueue,
  type ConfigMap,
  type Informer,
  type KubeClient,
  type Namespace,
} from '@weft/kube';
import type { Logger, Service } from '@weft/runtime';

export const ROOT_CONFIG_MAP = 'istio-ca-root-cert';
export const ROOT_KEY = 'root-cert.pem';
/** Marks the ConfigMaps of this controller, and lets it watch only those. */
const LABEL = 'istio.io/config';

export interface RootDistributorOptions {
  readonly kube: KubeClient;
  readonly namespaces: Informer<Namespace>;
  readonly rootsPem: () => string;
  readonly log: Logger;
}

/**
 * Keeps ConfigMap `istio-ca-root-cert` in every namespace and repairs it when it was changed or deleted. Every replica
 * watches; only the leader writes.
 */
export class RootDistributor implements Service {
  readonly name = 'root certificate distributor';
  readonly #configMaps: Informer<ConfigMap>;
  readonly #queue: WorkQueue;
  #stopped = false;
  #leading = false;

  constructor(private readonly options: RootDistributorOptions) {
    const { kube, log } = options;
    this.#configMaps = kube.informer(CONFIG_MAPS, { labelSelector: `${LABEL}=true` });
    this.#queue = new WorkQueue({
      name: 'root certificate',
      handle: (namespace) => this.#reconcile(namespace),
      log,
    });
  }

  async start(): Promise<void> {
    await this.#configMaps.start();
    await this.#configMaps.synced;
    await this.#queue.start();
    const enqueue = (object: ConfigMap) => {
      if (object.metadata?.name === ROOT_CONFIG_MAP && !this.#stopped) this.#queue.add(object.metadata.namespace ?? '');
    };
    this.#configMaps.on({ updated: enqueue, deleted: enqueue });
    this.options.namespaces.on({
      added: ({ metadata }) => this.#queue.add(metadata?.name ?? ''),
      updated: ({ metadata }) => this.#queue.add(metadata?.name ?? ''),
    });
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#queue.stop();
    await this.#configMaps.stop();
  }

  /** Starts or stops writing. */
  lead(leading: boolean): void {
    this.#leading = leading;
    if (leading) this.distribute();
  }

  /** Looks at every namespace again, because the roots have changed. */
  distribute(): void {
    if (this.#stopped) return;
    for (const { metadata } of this.options.namespaces.list()) this.#queue.add(metadata?.name ?? '');
  }

  /** Does every namespace have exactly this bundle, as far as the API server has told? */
  isEverywhere(rootsPem: string): boolean {
    const { namespaces } = this.options;
    if (!namespaces.hasSynced || !this.#configMaps.hasSynced) return false;
    return namespaces.list().every(({ metadata, status }) => {
      if (status?.phase === 'Terminating') return true;
      return this.#configMaps.get(metadata?.name, ROOT_CONFIG_MAP)?.data?.[ROOT_KEY] === rootsPem;
    });
  }

  async #reconcile(namespace: string): Promise<undefined> {
    const { kube, namespaces, rootsPem } = this.options;
    if (!this.#leading) return;
    const live = namespaces.get(undefined, namespace);
    if (live?.status?.phase === 'Terminating' || live === undefined) return;
    const data = { [ROOT_KEY]: rootsPem() };
    const current = this.#configMaps.get(namespace, ROOT_CONFIG_MAP);
    if (current?.data?.[ROOT_KEY] === data[ROOT_KEY]) return;
    try {
      const metadata = { namespace, name: ROOT_CONFIG_MAP, labels: { [LABEL]: 'true' } };
      await kube.apply(CONFIG_MAPS, { metadata, data }, { fieldManager: 'weft-ca', force: true });
    } catch (failure) {
      if (!isNotFound(failure)) throw failure; // the namespace is gone
    }
  }
}
