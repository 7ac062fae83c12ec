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
  /** Those that are selected. */
  readonly namespaces: Informer<Namespace>;
  /** Always gets one: the mesh's own components read it. */
  readonly ownNamespace: string;
  readonly configMap: string;
  /** What every ConfigMap should hold now; null: nothing is written, and what is there stays. */
  readonly content: () => Readonly<Record<string, string>> | null;
  readonly clock: Clock;
  readonly log: Logger;
}

/** Nothing runs there that could use it; the same as in Istio. */
const LEFT_OUT: ReadonlySet<string> = new Set(['kube-public', 'kube-node-lease', 'local-path-storage']);

/** Content may grow old by itself. */
const LOOK_AGAIN_MS = 3_600_000;

/**
 * Keeps a ConfigMap in every selected namespace, repairs it when it was changed or deleted, and takes it away where the
 * namespace is not selected any more. Every replica watches; only the leader writes.
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
    this.#configMaps.on({ added: enqueue, updated: enqueue, deleted: enqueue });
    this.#armLook();
    this.options.namespaces.on({
      added: ({ metadata }) => this.#queue.add(metadata?.name ?? ''),
      updated: ({ metadata }) => this.#queue.add(metadata?.name ?? ''),
      deleted: ({ metadata }) => this.#queue.add(metadata?.name ?? ''),
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
    const selected = this.options.namespaces.list().map(({ metadata }) => metadata?.name ?? '');
    const written = this.#configMaps.list().filter(({ metadata }) => metadata?.name === this.options.configMap);
    const held = written.map(({ metadata }) => metadata?.namespace ?? '');
    for (const namespace of new Set([this.options.ownNamespace, ...selected, ...held])) this.#queue.add(namespace);
  }

  /** Does every selected namespace have exactly this content, as far as the API server has told? */
  isEverywhere(content: Readonly<Record<string, string>>): boolean {
    const { namespaces } = this.options;
    if (!namespaces.hasSynced || !this.#configMaps.hasSynced) return false;
    const here = namespaces.list().filter(({ status }) => status?.phase !== 'Terminating');
    const names = [...here.map(({ metadata }) => metadata?.name ?? ''), this.options.ownNamespace];
    return names.every((name) => LEFT_OUT.has(name) || this.#holds(name, content));
  }

  /** What is in this namespace, as far as the API server has told. */
  current(namespace: string): Readonly<Record<string, string>> | undefined {
    return this.#configMaps.get(namespace, this.options.configMap)?.data;
  }

  /** A number that grows with every change of what is in this namespace, the same for every replica; null if nothing is. */
  version(namespace: string): number | null {
    const version = this.#configMaps.get(namespace, this.options.configMap)?.metadata?.resourceVersion;
    return version !== undefined && /^\d{1,15}$/.test(version) ? Number(version) : null;
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
    const { kube, namespaces, configMap, ownNamespace } = this.options;
    const content = this.options.content();
    if (!this.#leading || content === null || !namespaces.hasSynced) return;
    const live = namespaces.get(undefined, namespace);
    if (live?.status?.phase === 'Terminating') return;
    if ((live === undefined && namespace !== ownNamespace) || LEFT_OUT.has(namespace)) {
      if (this.current(namespace) !== undefined) await kube.delete(CONFIG_MAPS, namespace, configMap);
      return;
    }
    if (this.#holds(namespace, content)) return;
    try {
      const metadata = { namespace, name: configMap, labels: { [LABEL]: 'true' } };
      await kube.apply(CONFIG_MAPS, { metadata, data: { ...content } }, { fieldManager: 'weft-ca', force: true });
    } catch (failure) {
      if (!isNotFound(failure)) throw failure; // the namespace is gone
    }
  }
}
