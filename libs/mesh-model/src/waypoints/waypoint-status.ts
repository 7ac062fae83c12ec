import type { Collection, Graph } from '@weft/collections';
import { objectMetaOf } from '@weft/mesh-api';
import type { MeshSources } from '../mesh-sources.js';
import type { WaypointBindings } from './waypoint-bindings.js';

/** What became of the wish of a Service or ServiceEntry for a waypoint. */
export interface WaypointStatus {
  readonly kind: 'Service' | 'ServiceEntry';
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  readonly observedGeneration: number;
  readonly bound: boolean;
  /** `WaypointAccepted`, or why not. */
  readonly reason: string;
  /** Names what to look at. */
  readonly message: string;
}

export const WAYPOINT_BOUND = 'istio.io/WaypointBound';
const LABEL_MANAGED = 'gateway.istio.io/managed';

const key = ({ kind, namespace, name }: WaypointStatus): string => `${kind}/${namespace}/${name}`;

/** Of what asks for no waypoint there is none. */
export function waypointStatuses(
  graph: Graph,
  sources: MeshSources,
  bindings: WaypointBindings,
): Collection<WaypointStatus> {
  const of = (kind: WaypointStatus['kind'], source: Collection<unknown>) =>
    graph.deriveMany(
      `waypoint statuses of ${kind}`,
      source,
      (object, fetch): readonly WaypointStatus[] => {
        const { namespace, name, uid, generation, labels } = objectMetaOf(object);
        // The Services of waypoints themselves go through none.
        if (labels[LABEL_MANAGED] !== undefined) return [];
        const binding = bindings.bindingOf(fetch, { namespace, labels, traffic: 'service' });
        if (binding === null) return [];
        const about = { kind, namespace, name, uid, observedGeneration: generation };
        if (binding.kind === 'refused')
          return [{ ...about, bound: false, reason: binding.reason, message: binding.message }];
        const message = `traffic goes through waypoint ${binding.waypoint.key}`;
        return [{ ...about, bound: true, reason: 'WaypointAccepted', message }];
      },
      { key },
    );
  return graph.union('waypoint statuses', [
    of('Service', sources.services),
    of('ServiceEntry', sources.serviceEntries),
  ]);
}
