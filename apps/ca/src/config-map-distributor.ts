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

/** A ConfigMap that every namespace has, and its one key. */
export interface DistributedConfigMap {
  readonly name: string;
  readonly key: string;
}

/** The roots that clients of the CA and of the control plane trust. */
export const ROOT_CONFIG_MAP: DistributedConfigMap = { name: 'istio-ca-root-cert', key: 'root-cert.pem' };
/** The certificates that were taken back. */
export const CRL_CONFIG_MAP: DistributedConfigMap = { name: 'istio-ca-crl', key: 'ca-crl.pem' };

/** Marks the ConfigMaps of this controller, and lets it watch only those. */
const LABEL = 'istio.io/config';

export interface ConfigMapDistributorOptions {
  readonly kube: KubeClient;
  readonly namespaces: Informer<Namespace>;
  readonly configMap: DistributedConfigMap;
  /** What the key should hold now; null: nothing is written, and what is there stays. */
  readonly content: () => string | null;
  readonly log: Logger;
}

/**
 * Keeps a ConfigMap in every namespace and repairs it when it was changed or deleted. Every replica watches; only the leader
 * writes.
 */
export class ConfigMapDistributor implements Service {
  readonly name: string;
  readonly #configMaps: Informer<ConfigMap>;
  readonly #queue: WorkQueue;
  #stopped = false;
  #leading = false;

  constructor(private readonly options: ConfigMapDistributorOptions) {
    this.name = `distributor of ${options.configMap.name}`;
    const { kube, log } = options;
    this.#configMaps = kube.informer(CONFIG_MAPS, { labelSelector: `${LABEL}=true` });
    this.#queue = new WorkQueue({
      name: options.configMap.name,
      handle: (namespace) => this.#reconcile(namespace),
      log,
    });
  }

  async start(): Promise<void> {
    await this.#configMaps.start();
    await this.#configMaps.synced;
    await this.#queue.start();
    const enqueue = (object: ConfigMap) => {
      if (object.metadata?.name === this.options.configMap.name && !this.#stopped)
        this.#queue.add(object.metadata.namespace ?? '');
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

  /** Looks at every namespace again, because the content has changed. */
  distribute(): void {
    if (this.#stopped) return;
    for (const { metadata } of this.options.namespaces.list()) this.#queue.add(metadata?.name ?? '');
  }

  /** Does every namespace have exactly this content, as far as the API server has told? */
  isEverywhere(content: string): boolean {
    const { namespaces, configMap } = this.options;
    if (!namespaces.hasSynced || !this.#configMaps.hasSynced) return false;
    return namespaces.list().every(({ metadata, status }) => {
      if (status?.phase === 'Terminating') return true;
      return this.#configMaps.get(metadata?.name, configMap.name)?.data?.[configMap.key] === content;
    });
  }

  async #reconcile(namespace: string): Promise<undefined> {
    const { kube, namespaces, configMap } = this.options;
    const content = this.options.content();
    if (!this.#leading || content === null) return;
    const live = namespaces.get(undefined, namespace);
    if (live?.status?.phase === 'Terminating' || live === undefined) return;
    const { name, key } = configMap;
    if (this.#configMaps.get(namespace, name)?.data?.[key] === content) return;
    try {
      const metadata = { namespace, name, labels: { [LABEL]: 'true' } };
      await kube.apply(CONFIG_MAPS, { metadata, data: { [key]: content } }, { fieldManager: 'weft-ca', force: true });
    } catch (failure) {
      if (!isNotFound(failure)) throw failure; // the namespace is gone
    }
  }
}
