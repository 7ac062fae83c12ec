import { asList } from '@weft/testing-kube-schema';
import { finalizersOf, nameOf, namespaceOf, specOf, type KubeObject } from '../kube-object.js';
import type { Bucket } from '../storage/bucket.js';
import type { Store } from '../storage/store.js';
import type { Stored } from '../storage/stored.js';

/** An object that is being deleted goes when nothing holds it any more: no finalizer, no grace period still to run. */
export function mayGo(object: KubeObject, bucketKey: string): boolean {
  if (object.metadata.deletionTimestamp === undefined || finalizersOf(object).length > 0) return false;
  if (bucketKey === 'namespaces' && asList(specOf(object)['finalizers']).length > 0) return false;
  return (object.metadata.deletionGracePeriodSeconds ?? 0) === 0;
}

/** Removes the object instead of storing its new version when that version is free to go; undefined when it is not. */
export function finishDeletion(store: Store, bucket: Bucket, draft: KubeObject): Stored | undefined {
  if (!mayGo(draft, bucket.key)) return undefined;
  return store.remove(bucket, namespaceOf(draft), nameOf(draft));
}
