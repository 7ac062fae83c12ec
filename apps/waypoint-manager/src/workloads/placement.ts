import type { ConfigMap, Deployment } from '@weft/kube';
import type { ObjectMeta } from '@weft/mesh-api';
import type { WaypointManagerConfig } from '../config.js';

export const ANNOTATION_PLACEMENT = 'weft.io/placement';
export const PLACEMENTS = ['in-cluster', 'serverless', 'pool'] as const;
export type Placement = (typeof PLACEMENTS)[number];

type PodSpec = NonNullable<NonNullable<Deployment['spec']>['template']['spec']>;

/** The same in a ConfigMap of parameters. */
export const PLACEMENT_KEY = 'placement';

export interface AskedPlacement {
  /** Null: there is no such place. */
  readonly placement: Placement | null;
  /** What asks for it, for messages. */
  readonly where: string;
}

/** Where the pods of a Gateway are wanted: its annotation says it, else the last of the ConfigMaps that does. */
export function placementOf({ annotations }: ObjectMeta, configMaps: readonly ConfigMap[]): AskedPlacement {
  const own = annotations[ANNOTATION_PLACEMENT] ?? '';
  if (own !== '') return placed(own, `metadata.annotations[${ANNOTATION_PLACEMENT}]`);
  const configMap = configMaps.findLast(({ data }) => (data?.[PLACEMENT_KEY] ?? '').trim() !== '');
  if (configMap === undefined) return { placement: 'in-cluster', where: '' };
  const { namespace = '', name = '' } = configMap.metadata ?? {};
  return placed(configMap.data![PLACEMENT_KEY]!.trim(), `ConfigMap ${namespace}/${name}, key ${PLACEMENT_KEY}`);
}

const placed = (asked: string, where: string): AskedPlacement => ({
  placement: PLACEMENTS.find((one) => one === asked) ?? null,
  where,
});

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
