import { PODS, type KubeObject, type Pod, type ResourceType } from '@weft/kube';
import type { Cluster } from '../cluster.js';
import { claim, workloadSelector } from './ownership.js';

/** The pods of a workload, after those that its selector chooses were adopted and others let go. */
export function claimPods<T extends KubeObject & { readonly spec?: { readonly selector?: unknown } }>(
  cluster: Cluster,
  ownerType: ResourceType<T>,
  owner: T,
): Promise<Pod[]> {
  return claim({
    kube: cluster.kube,
    ownerType,
    owner,
    selector: workloadSelector(owner.spec?.selector),
    type: PODS,
    candidates: cluster.podsByNamespace.get(owner.metadata?.namespace ?? ''),
  });
}
