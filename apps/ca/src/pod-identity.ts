import type { Pod } from '@weft/kube';
import { ANNOTATION_CLAIMED_ACCOUNT, ANNOTATION_CLAIMED_BY } from '@weft/mesh-api';

/** By which a proxy of the pool takes the identity of whoever claimed it. */
const CLAIM: ReadonlySet<string> = new Set([ANNOTATION_CLAIMED_BY, ANNOTATION_CLAIMED_ACCOUNT]);

/** What the CA keeps of a pod: the rest of it is twenty times as large. */
export function podIdentity({ metadata, spec, status }: Pod): Pod {
  const { namespace, name, uid, resourceVersion, deletionTimestamp, annotations = {} } = metadata ?? {};
  const claim = Object.entries(annotations).filter(([key]) => CLAIM.has(key));
  const { serviceAccountName, nodeName } = spec ?? {};
  return {
    metadata: {
      ...{ namespace: namespace ?? '', name: name ?? '', uid: uid ?? '' },
      ...(resourceVersion !== undefined && { resourceVersion }),
      ...(deletionTimestamp !== undefined && { deletionTimestamp }),
      ...(claim.length > 0 && { annotations: Object.fromEntries(claim) }),
    },
    spec: {
      containers: [],
      ...(serviceAccountName !== undefined && { serviceAccountName }),
      ...(nodeName !== undefined && { nodeName }),
    },
    status: { ...(status?.phase !== undefined && { phase: status.phase }) },
  };
}
