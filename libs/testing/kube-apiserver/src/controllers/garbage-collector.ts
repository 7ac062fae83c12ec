import type { Logger } from '@weft/runtime';
import type { ResourceInfo } from '@weft/testing-kube-schema';
import { finalizersOf, ownersOf, shallowCopy, uidOf, type KubeObject } from '../kube-object.js';
import { mayGo } from '../objects/finish-deletion.js';
import type { Bucket } from '../storage/bucket.js';
import type { StoreChange } from '../storage/store.js';
import type { Stored } from '../storage/stored.js';
import type { ObjectApi } from './object-api.js';
import { WorkQueue } from './work-queue.js';

const FOREGROUND = 'foregroundDeletion';
const ORPHAN = 'orphan';

interface Place {
  readonly bucket: Bucket;
  readonly namespace: string;
  readonly name: string;
}

/**
 * Deletes what has lost its last owner, and works off the finalizers of foreground deletion and orphaning. Keeps an index from
 * owner to dependents, so that a deletion costs what depends on it and nothing else.
 */
export class GarbageCollector {
  readonly #places = new Map<string, Place>();
  readonly #dependents = new Map<string, Set<string>>();
  readonly #queue: WorkQueue;
  #unwatch: () => void = () => undefined;

  constructor(
    private readonly api: ObjectApi,
    log: Logger,
  ) {
    this.#queue = new WorkQueue('garbage collector', (uid) => this.#reconcile(uid), log);
  }

  start(): void {
    const { store } = this.api.context;
    for (const bucket of store.buckets()) for (const stored of bucket.list()) this.#index(bucket, stored);
    this.#unwatch = store.onChange((change) => this.#changed(change));
    for (const uid of this.#places.keys()) if (this.#needsWork(uid)) this.#queue.add(uid);
  }

  async stop(): Promise<void> {
    this.#unwatch();
    await this.#queue.stop();
  }

  settled(): Promise<void> {
    return this.#queue.settled();
  }

  #index(bucket: Bucket, { object, namespace, name }: Stored): void {
    const uid = uidOf(object);
    if (uid === '') return;
    this.#places.set(uid, { bucket, namespace, name });
    for (const owner of ownersOf(object)) {
      let dependents = this.#dependents.get(owner.uid);
      if (dependents === undefined) this.#dependents.set(owner.uid, (dependents = new Set()));
      dependents.add(uid);
    }
  }

  #changed(change: StoreChange): void {
    const { bucket, type, stored, previous } = change;
    const uid = uidOf(stored.object);
    if (previous !== undefined) {
      for (const owner of ownersOf(previous.object)) {
        this.#dependents.get(owner.uid)?.delete(uid);
        // A dependent that went or changed may be the last that an owner in foreground deletion waits for.
        if (this.#isLeaving(owner.uid)) this.#queue.add(owner.uid);
      }
    }
    if (type === 'DELETED') {
      this.#places.delete(uid);
      for (const dependent of this.#dependents.get(uid) ?? []) this.#queue.add(dependent);
      this.#dependents.delete(uid);
      return;
    }
    this.#index(bucket, stored);
    if (this.#needsWork(uid)) this.#queue.add(uid);
  }

  #live(uid: string): Stored | undefined {
    const place = this.#places.get(uid);
    const stored = place?.bucket.get(place.namespace, place.name);
    return stored !== undefined && uidOf(stored.object) === uid ? stored : undefined;
  }

  #isLeaving(uid: string): boolean {
    return this.#live(uid)?.object.metadata.deletionTimestamp !== undefined;
  }

  #needsWork(uid: string): boolean {
    const object = this.#live(uid)?.object;
    if (object === undefined) return false;
    if (object.metadata.deletionTimestamp !== undefined) {
      return finalizersOf(object).some((finalizer) => finalizer === FOREGROUND || finalizer === ORPHAN);
    }
    return ownersOf(object).length > 0;
  }

  async #reconcile(uid: string): Promise<void> {
    const stored = this.#live(uid);
    const place = this.#places.get(uid);
    if (stored === undefined || place === undefined) return;
    const { object } = stored;
    if (object.metadata.deletionTimestamp !== undefined) {
      if (finalizersOf(object).includes(ORPHAN)) this.#orphan(uid, place);
      else if (finalizersOf(object).includes(FOREGROUND)) await this.#foreground(uid, place);
      return;
    }
    await this.#judge(uid, stored, place);
  }

  /** Without a living owner the object goes; while one lives, references to dead ones are dropped. */
  async #judge(uid: string, stored: Stored, place: Place): Promise<void> {
    const owners = ownersOf(stored.object);
    if (owners.length === 0) return;
    const solid = owners.filter((owner) => this.#ownerLives(owner.uid, stored) && !this.#waitsForDependents(owner.uid));
    const waiting = owners.filter(
      (owner) => this.#ownerLives(owner.uid, stored) && this.#waitsForDependents(owner.uid),
    );
    if (solid.length === 0) {
      const info = this.#infoOf(place.bucket);
      if (info === undefined) return;
      const policy = waiting.length > 0 && (this.#dependents.get(uid)?.size ?? 0) > 0 ? 'Foreground' : undefined;
      await this.api.remove(info, place.namespace, place.name, {
        ...(policy === undefined ? {} : { propagationPolicy: policy }),
        preconditions: { uid },
      });
      return;
    }
    if (solid.length < owners.length)
      this.#rewrite(place, stored.object, (draft) => (draft.metadata.ownerReferences = [...solid]));
  }

  #ownerLives(ownerUid: string, dependent: Stored): boolean {
    const owner = this.#live(ownerUid);
    return owner !== undefined && (owner.namespace === '' || owner.namespace === dependent.namespace);
  }

  #waitsForDependents(uid: string): boolean {
    const object = this.#live(uid)?.object;
    return object?.metadata.deletionTimestamp !== undefined && finalizersOf(object).includes(FOREGROUND);
  }

  #orphan(uid: string, place: Place): void {
    for (const dependent of [...(this.#dependents.get(uid) ?? [])]) {
      const stored = this.#live(dependent);
      const where = this.#places.get(dependent);
      if (stored === undefined || where === undefined) continue;
      const owners = ownersOf(stored.object).filter((owner) => owner.uid !== uid);
      this.#rewrite(where, stored.object, (draft) => {
        if (owners.length === 0) delete draft.metadata.ownerReferences;
        else draft.metadata.ownerReferences = owners;
      });
    }
    this.#dropFinalizer(uid, place, ORPHAN);
  }

  async #foreground(uid: string, place: Place): Promise<void> {
    let blocked = false;
    for (const dependent of [...(this.#dependents.get(uid) ?? [])]) {
      const stored = this.#live(dependent);
      const where = this.#places.get(dependent);
      if (stored === undefined || where === undefined) continue;
      if (stored.object.metadata.deletionTimestamp === undefined) await this.#judge(dependent, stored, where);
      const left = this.#live(dependent);
      const reference = left === undefined ? undefined : ownersOf(left.object).find((owner) => owner.uid === uid);
      if (reference?.blockOwnerDeletion === true) blocked = true;
    }
    if (!blocked) this.#dropFinalizer(uid, place, FOREGROUND);
  }

  #dropFinalizer(uid: string, place: Place, finalizer: string): void {
    const stored = this.#live(uid);
    if (stored === undefined) return;
    this.#rewrite(place, stored.object, (draft) => {
      const left = finalizersOf(stored.object).filter((each) => each !== finalizer);
      if (left.length === 0) delete draft.metadata.finalizers;
      else draft.metadata.finalizers = left;
    });
  }

  #rewrite(place: Place, live: KubeObject, change: (draft: KubeObject) => void): void {
    const { store } = this.api.context;
    const draft = shallowCopy(live);
    change(draft);
    if (mayGo(draft, place.bucket.key)) store.remove(place.bucket, place.namespace, place.name);
    else store.put(place.bucket, draft);
  }

  #infoOf(bucket: Bucket): ResourceInfo | undefined {
    return this.api.context.catalog.findStored(bucket.key);
  }
}
