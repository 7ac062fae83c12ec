import { MESH_CONFIG_KEY, MESH_CONFIG_MAP, parseMeshTrustDomains, type MeshTrustDomains } from '@weft/mesh-api';
import type { Informer } from './informer.js';
import type { KubeClient } from './kube-client.js';
import { CONFIG_MAPS, type ConfigMap } from './resources.js';

export interface MeshTrustWatchOptions {
  readonly kube: Pick<KubeClient, 'informer' | 'event'>;
  /** The root namespace. */
  readonly namespace: string;
  /** Of the process's own configuration; MeshConfig overrides it. */
  readonly trustDomain: string;
  readonly log: { info(fields: object, message: string): void; error(fields: object, message: string): void };
}

/**
 * The trust domains of MeshConfig (ConfigMap `istio`), followed. One that cannot be read is told by an event on it, and what it
 * said before stays.
 */
export class MeshTrustWatch {
  readonly name = 'MeshConfig';
  readonly #informer: Informer<ConfigMap>;
  readonly #listeners = new Set<() => void>();
  readonly #readers = new Set<(yaml: string, object: ConfigMap) => void>();
  #current: MeshTrustDomains & { readonly trustDomain: string };

  constructor(private readonly options: MeshTrustWatchOptions) {
    const { kube, namespace, trustDomain } = options;
    this.#current = { trustDomain, trustDomainAliases: [] };
    this.#informer = kube.informer(CONFIG_MAPS, { namespace, fieldSelector: `metadata.name=${MESH_CONFIG_MAP}` });
    const take = (object: ConfigMap): void => this.#take(object, object.data?.[MESH_CONFIG_KEY] ?? '');
    this.#informer.on({ added: take, updated: take, deleted: (object) => this.#take(object, '') });
  }

  /** The name that new certificates have, and the others that mean the same mesh. */
  get current(): MeshTrustDomains & { readonly trustDomain: string } {
    return this.#current;
  }

  /** All names. */
  get names(): readonly string[] {
    return [this.#current.trustDomain, ...this.#current.trustDomainAliases];
  }

  /** Called after each change. */
  onChange(listener: () => void): void {
    this.#listeners.add(listener);
  }

  /** For whoever reads other parts of MeshConfig: called with each text whose trust domains are good. */
  onText(reader: (yaml: string, object: ConfigMap) => void): void {
    this.#readers.add(reader);
  }

  /** Resolves when MeshConfig, or that there is none, is known. */
  async start(): Promise<void> {
    await this.#informer.start();
    await this.#informer.synced;
  }

  async stop(): Promise<void> {
    await this.#informer.stop();
  }

  #take(object: ConfigMap, yaml: string): void {
    const { kube, trustDomain, log } = this.options;
    const read = parseMeshTrustDomains(yaml);
    if (!read.ok) {
      log.error({ problem: read.error }, 'MeshConfig refused; the last good one stays in use');
      kube.event(object, 'Warning', 'MeshConfigRefused', `${read.error}. The last good one stays in use`);
      return;
    }
    for (const reader of this.#readers) reader(yaml, object);
    const before = this.names.join();
    this.#current = { ...read.value, trustDomain: read.value.trustDomain ?? trustDomain };
    if (this.names.join() === before) return;
    log.info({ trustDomains: this.names }, 'trust domains of this mesh changed');
    for (const listener of this.#listeners) listener();
  }
}
