import type { ObjectMeta } from '@weft/kube';

/** What an informer needs of an object's metadata; the rest is not kept in memory. */
export function identityOf({ name, namespace, uid, resourceVersion }: ObjectMeta = {}): ObjectMeta {
  return {
    ...(name !== undefined && { name }),
    ...(namespace !== undefined && { namespace }),
    ...(uid !== undefined && { uid }),
    ...(resourceVersion !== undefined && { resourceVersion }),
  };
}
