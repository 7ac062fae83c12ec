import type { Logger } from '@weft/runtime';
import { asList, type ResourceInfo } from '@weft/testing-kube-schema';
import {
  asKubeObject,
  finalizersOf,
  formatTime,
  shallowCopy,
  specOf,
  statusOf,
  type KubeObject,
} from '../kube-object.js';
import { mayGo } from '../objects/finish-deletion.js';
import type { StoreChange } from '../storage/store.js';
import type { Stored } from '../storage/stored.js';
import type { ObjectApi } from './object-api.js';
import { WorkQueue } from './work-queue.js';

const SYSTEM_NAMESPACES = ['default', 'kube-system', 'kube-public', 'kube-node-lease'];

/**
 * Every namespace has a ServiceAccount `default` and the ConfigMap with the cluster's root. A namespace that is deleted is
 * emptied first; what still holds it is told in its conditions.
 */
export class NamespaceController {
  readonly #queue: WorkQueue;
  #unwatch: () => void = () => undefined;

  constructor(
    private readonly api: ObjectApi,
    private readonly caPem: string,
    log: Logger,
  ) {
    this.#queue = new WorkQueue('namespace', (name) => this.#reconcile(name), log);
  }

  async start(): Promise<void> {
    const { store } = this.api.context;
    this.#unwatch = store.onChange((change) => this.#changed(change));
    const namespaces = this.#info('namespaces');
    for (const name of SYSTEM_NAMESPACES) {
      await this.api.ensure(namespaces, '', { metadata: { name } });
    }
    for (const { name } of store.bucket('namespaces').list()) await this.#reconcile(name);
  }

  async stop(): Promise<void> {
    this.#unwatch();
    await this.#queue.stop();
  }

  settled(): Promise<void> {
    return this.#queue.settled();
  }

  /** Called in the same turn for a new namespace, so that its first pod finds its ServiceAccount. */
  async furnish(namespace: string): Promise<void> {
    await this.api.ensure(this.#info('serviceaccounts'), namespace, { metadata: { name: 'default' } });
    await this.api.ensure(this.#info('configmaps'), namespace, {
      metadata: {
        name: 'kube-root-ca.crt',
        annotations: {
          'kubernetes.io/description': 'Contains a CA bundle that can be used to verify the kube-apiserver.',
        },
      },
      data: { 'ca.crt': this.caPem },
    });
  }

  #info(plural: string): ResourceInfo {
    const info = this.api.context.catalog.find('', 'v1', plural);
    if (info === undefined) throw new TypeError(`${plural} is not a known resource`);
    return info;
  }

  #changed({ bucket, type, stored }: StoreChange): void {
    if (bucket.key === 'namespaces') {
      if (type !== 'DELETED') this.#queue.add(stored.name);
      return;
    }
    if (stored.namespace === '') return;
    const furniture = bucket.key === 'serviceaccounts' || bucket.key === 'configmaps';
    if (type === 'DELETED' && (furniture || this.#isTerminating(stored.namespace))) this.#queue.add(stored.namespace);
  }

  #isTerminating(namespace: string): boolean {
    return (
      this.api.context.store.bucket('namespaces').get('', namespace)?.object.metadata.deletionTimestamp !== undefined
    );
  }

  async #reconcile(name: string): Promise<void> {
    const live = this.api.context.store.bucket('namespaces').get('', name);
    if (live === undefined) return;
    if (live.object.metadata.deletionTimestamp === undefined) await this.furnish(name);
    else await this.#empty(live);
  }

  async #empty({ name, object }: Stored): Promise<void> {
    const { store, catalog } = this.api.context;
    const held: Stored[] = [];
    for (const bucket of store.buckets()) {
      const info = catalog.findStored(bucket.key);
      if (info?.namespaced !== true) continue;
      for (const stored of bucket.list(name)) {
        if (stored.object.metadata.deletionTimestamp === undefined) {
          await this.api.remove(info, name, stored.name, { propagationPolicy: 'Background' });
        }
        const left = bucket.get(name, stored.name);
        if (left !== undefined) held.push(left);
      }
    }
    const live = store.bucket('namespaces').get('', name);
    if (live === undefined || live.object.metadata.uid !== object.metadata.uid) return;
    if (held.length > 0) this.#tell(live.object, held);
    else this.#finish(live.object);
  }

  #tell(live: KubeObject, held: readonly Stored[]): void {
    const { store } = this.api.context;
    const finalizers = [...new Set(held.flatMap(({ object }) => finalizersOf(object)))];
    const now = formatTime(this.api.context.now());
    const condition = (type: string, wrong: boolean, reason: string, message: string): Record<string, string> => {
      const status = wrong ? 'True' : 'False';
      const before = asList(statusOf(live)['conditions']).find(
        (each) => (each as Record<string, string>)['type'] === type,
      ) as Record<string, string> | undefined;
      return {
        type,
        status,
        reason,
        message,
        lastTransitionTime: before?.['status'] === status ? (before['lastTransitionTime'] ?? now) : now,
      };
    };
    const kinds = [...new Set(held.map(({ object }) => object.kind))].map(
      (kind) => `${kind}: ${held.filter(({ object }) => object.kind === kind).length}`,
    );
    const conditions = [
      condition(
        'NamespaceContentRemaining',
        true,
        'SomeResourcesRemain',
        `Some resources are remaining: ${kinds.join(', ')}`,
      ),
      condition(
        'NamespaceFinalizersRemaining',
        finalizers.length > 0,
        finalizers.length > 0 ? 'SomeFinalizersRemain' : 'ContentHasNoFinalizers',
        finalizers.length > 0
          ? `Some content in the namespace has finalizers remaining: ${finalizers.join(', ')}`
          : 'All content-preserving finalizers finished',
      ),
    ];
    if (JSON.stringify(statusOf(live)['conditions']) === JSON.stringify(conditions)) return;
    const draft = shallowCopy(live);
    draft['status'] = { ...statusOf(live), phase: 'Terminating', conditions };
    store.put(store.bucket('namespaces'), draft);
  }

  #finish(live: KubeObject): void {
    const { store } = this.api.context;
    const bucket = store.bucket('namespaces');
    const finalizers = asList(specOf(live)['finalizers']).filter((finalizer) => finalizer !== 'kubernetes');
    const draft = asKubeObject({ ...shallowCopy(live), spec: { ...specOf(live), finalizers } });
    if (mayGo(draft, bucket.key)) store.remove(bucket, '', draft.metadata.name ?? '');
    else if (finalizers.length !== asList(specOf(live)['finalizers']).length) store.put(bucket, draft);
  }
}
