import type { Deployment } from '@weft/kube';
import type { ObjectMeta } from '@weft/mesh-api';
import type { WaypointManagerConfig } from '../config.js';

export const ANNOTATION_PLACEMENT = 'weft.io/placement';
export const PLACEMENTS = ['in-cluster', 'serverless', 'pool'] as const;
export type Placement = (typeof PLACEMENTS)[number];

type PodSpec = NonNullable<NonNullable<Deployment['spec']>['template']['spec']>;

/** Where the Gateway wants its pods; null if it names what there is not. */
export function placementOf({ annotations }: ObjectMeta): Placement | null {
  const asked = annotations[ANNOTATION_PLACEMENT];
  if (asked === undefined || asked === '') return 'in-cluster';
  return PLACEMENTS.find((one) => one === asked) ?? null;
}

/** What brings pods to virtual nodes, which nothing else is scheduled to. */
export function placementFields(
  placement: Placement,
  { serverless }: WaypointManagerConfig,
): Pick<PodSpec, 'nodeSelector' | 'tolerations'> {
  if (placement !== 'serverless') return {};
  return {
    nodeSelector: { ...serverless.nodeSelector },
    tolerations: serverless.tolerations.map((one) => ({ ...one })),
  };
}
