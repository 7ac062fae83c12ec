import type { Pod } from '@weft/kube';

/** What the CA keeps of a pod: the rest of it is twenty times as large. */
export function podIdentity({ metadata, spec, status }: Pod): Pod {
  const { namespace, name, uid, resourceVersion, deletionTimestamp } = metadata ?? {};
  const { serviceAccountName, nodeName } = spec ?? {};
  return {
    metadata: {
      ...{ namespace: namespace ?? '', name: name ?? '', uid: uid ?? '' },
      ...(resourceVersion !== undefined && { resourceVersion }),
      ...(deletionTimestamp !== undefined && { deletionTimestamp }),
    },
    spec: {
      containers: [],
      ...(serviceAccountName !== undefined && { serviceAccountName }),
      ...(nodeName !== undefined && { nodeName }),
    },
    status: { ...(status?.phase !== undefined && { phase: status.phase }) },
  };
}
