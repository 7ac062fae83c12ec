import type { KubeObject, Pod } from '@weft/kube';

/** Managed fields are larger than all that is read of an object. */
export function withoutManagedFields<T extends KubeObject>(object: T): T {
  if (object.metadata?.managedFields === undefined) return object;
  const metadata = { ...object.metadata };
  delete metadata.managedFields;
  return { ...object, metadata };
}

/** What the model reads of a pod: there are many, and most of their specification is of no concern to the mesh. */
export function trimPod(pod: Pod): Pod {
  const { nodeName, serviceAccountName, hostNetwork, containers, initContainers } = pod.spec ?? {};
  const { phase, podIP, podIPs, conditions } = pod.status ?? {};
  const ports = (list: typeof containers) => list?.map(({ name, ports: own }) => ({ name, ports: own }));
  const trimmed = {
    ...withoutManagedFields(pod),
    spec: {
      nodeName,
      serviceAccountName,
      hostNetwork,
      containers: ports(containers),
      initContainers: ports(initContainers),
    },
    status: {
      phase,
      podIP,
      podIPs,
      conditions: conditions?.filter(({ type }) => type === 'Ready').map(({ type, status }) => ({ type, status })),
    },
  };
  return trimmed as unknown as Pod;
}
