import { objectMetaOf } from './object-meta.js';

/** Ours. On the pods of the pool of proxies: `warm` until a Gateway has claimed one, then `claimed`. */
export const LABEL_POOL = 'weft.io/pool';
/** On a pod of the pool: `<namespace>/<name>` of the Gateway whose proxy it is for the rest of its life. */
export const ANNOTATION_CLAIMED_BY = 'weft.io/claimed-by';
/** Service account in the namespace of that Gateway, whose identity the pod takes. */
export const ANNOTATION_CLAIMED_ACCOUNT = 'weft.io/claimed-account';
/** Who runs the pool, in the namespace of the mesh. */
export const POOL_ACCOUNT = 'weft-waypoint-pool';

/** What a proxy of the pool has become. */
export interface PoolClaim {
  /** Of the Gateway, and of the service account. */
  readonly namespace: string;
  readonly gateway: string;
  readonly serviceAccount: string;
}

const NAME = /^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$/;

/**
 * The claim on a pod; null for one that is not of the pool in the namespace of the mesh, or not claimed. Only who may write there
 * can claim, and never in the name of an account of the mesh itself.
 */
export function poolClaimOf(pod: unknown, meshNamespace: string): PoolClaim | null {
  const { namespace, annotations } = objectMetaOf(pod);
  const account = (pod as { spec?: { serviceAccountName?: unknown } } | null)?.spec?.serviceAccountName;
  if (namespace !== meshNamespace || account !== POOL_ACCOUNT) return null;
  const [owner = '', gateway = '', ...more] = (annotations[ANNOTATION_CLAIMED_BY] ?? '').split('/');
  const serviceAccount = annotations[ANNOTATION_CLAIMED_ACCOUNT] ?? '';
  if (more.length > 0 || owner === meshNamespace) return null;
  return [owner, gateway, serviceAccount].every((name) => NAME.test(name))
    ? { namespace: owner, gateway, serviceAccount }
    : null;
}
