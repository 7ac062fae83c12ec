import {
  CONFIG_MAPS,
  isNotFound,
  WorkQueue,
  type ConfigMap,
  type Informer,
  type KubeClient,
  type Namespace,
} from '@weft/kube';
import type { Clock } from '@weft/result';
import type { Logger, Service } from '@weft/runtime';

/** The roots that clients of the CA and of the control plane trust. */
export const ROOT_CONFIG_MAP = 'istio-ca-root-cert';
export const ROOT_KEY = 'root-cert.pem';
/** The certificates that were taken back. */
export const CRL_CONFIG_MAP = 'istio-ca-crl';

/** Marks the ConfigMaps of this controller, and lets it watch only those. */
const LABEL = 'istio.io/config';

export interface ConfigMapDistributorOptions {
  readonly kube: KubeClient;
  readonly namespaces: Informer<Namespace>;
  readonly configMap: string;
  /** What every ConfigMap should hold now; null: nothing is written, and what is there stays. */
  readonly content: () => Readonly<Record<string, string>> | null;
  readonly clock: Clock;
  readonly log: Logger;
}

/** Content may grow old by itself. */
const LOOK_AGAIN_MS = 3_600_000;

/**
 * Keeps a ConfigMap in every namespace and repairs it when it was changed or deleted. Every replica watches; only the leader
 * writes.
 */
export class ConfigMapDistributor implements Service {
  readonly name: string;
  readonly #configMaps: Informer<ConfigMap>;
  readonly #queue: WorkQueue;
  #stopped = false;
  #cancel: () => void = () => undefined;
  #leading = false;

  constructor(private readonly options: ConfigMapDistributorOptions) {
    this.name = `distributor of ${options.configMap}`;
    const { kube, log } = options;
    this.#configMaps = kube.informer(CONFIG_MAPS, { labelSelector: `${LABEL}=true` });
    this.#queue = new WorkQueue({
      name: options.configMap,
      handle: (namespace) => this.#reconcile(namespace),
      log,
    });
  }

  async start(): Promise<void> {
    await this.#configMaps.start();
    await this.#configMaps.synced;
    await this.#queue.start();
    const enqueue = (object: ConfigMap) => {
      if (object.metadata?.name === this.options.configMap && !this.#stopped)
        this.#queue.add(object.metadata.namespace ?? '');
    };
    this.#configMaps.on({ updated: enqueue, deleted: enqueue });
    this.#armLook();
    this.options.namespaces.on({
      added: ({ metadata }) => this.#queue.add(metadata?.name ?? ''),
      updated: ({ metadata }) => this.#queue.add(metadata?.name ?? ''),
    });
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#cancel();
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
  isEverywhere(content: Readonly<Record<string, string>>): boolean {
    const { namespaces } = this.options;
    if (!namespaces.hasSynced || !this.#configMaps.hasSynced) return false;
    return namespaces.list().every(({ metadata, status }) => {
      if (status?.phase === 'Terminating') return true;
      return this.#holds(metadata?.name ?? '', content);
    });
  }

  /** What is in this namespace, as far as the API server has told. */
  current(namespace: string): Readonly<Record<string, string>> | undefined {
    return this.#configMaps.get(namespace, this.options.configMap)?.data;
  }

  #armLook(): void {
    this.#cancel = this.options.clock.after(LOOK_AGAIN_MS, () => {
      this.distribute();
      if (!this.#stopped) this.#armLook();
    });
  }

  #holds(namespace: string, content: Readonly<Record<string, string>>): boolean {
    const current = this.current(namespace) ?? {};
    const keys = new Set([...Object.keys(content), ...Object.keys(current)]);
    return [...keys].every((key) => current[key] === content[key]);
  }

  async #reconcile(namespace: string): Promise<undefined> {
    const { kube, namespaces, configMap } = this.options;
    const content = this.options.content();
    if (!this.#leading || content === null) return;
    const live = namespaces.get(undefined, namespace);
    if (live?.status?.phase === 'Terminating' || live === undefined) return;
    if (this.#holds(namespace, content)) return;
    try {
      const metadata = { namespace, name: configMap, labels: { [LABEL]: 'true' } };
      await kube.apply(CONFIG_MAPS, { metadata, data: { ...content } }, { fieldManager: 'weft-ca', force: true });
    } catch (failure) {
      if (!isNotFound(failure)) throw failure; // the namespace is gone
    }
  }
}
