import type { Collection, FetchContext, Graph } from '@weft/collections';
import { allowsNamespace } from '@weft/gateway-api';
import { LABEL_USE_WAYPOINT, LABEL_USE_WAYPOINT_NAMESPACE } from '@weft/mesh-api';
import type { MeshSources } from '../mesh-sources.js';
import type { SurroundingsCollections } from '../surroundings-collections.js';
import { waypointGatewayOf, type WaypointGateway, type WaypointTraffic } from './waypoint-gateway.js';

type Labels = Readonly<Record<string, string>>;

/** What came of asking for a waypoint by label. */
export type WaypointBinding =
  | { readonly kind: 'bound'; readonly waypoint: WaypointGateway }
  | { readonly kind: 'refused'; readonly reason: WaypointRefusal; readonly message: string };

export type WaypointRefusal = 'WaypointIsNotReady' | 'AttachmentDenied' | 'UnsupportedTrafficType';

/** What asks: a service, or a workload, by its own labels or else by those of its namespace. */
export interface WaypointUser {
  readonly namespace: string;
  readonly labels: Labels;
  readonly traffic: WaypointTraffic;
}

export interface WaypointBindings {
  /** By `<namespace>/<name>`. */
  readonly waypoints: Collection<WaypointGateway>;
  /** Null: none was asked for. */
  bindingOf(fetch: FetchContext, user: WaypointUser): WaypointBinding | null;
}

/** @see reference/l7-envoy-config.md 9.4 */
export function waypointBindings(
  graph: Graph,
  sources: MeshSources,
  surroundings: SurroundingsCollections,
): WaypointBindings {
  const waypoints = graph.derive<unknown, WaypointGateway>(
    'waypoints',
    sources.gateways,
    (object, fetch) => waypointGatewayOf(object, surroundings.networkOf(fetch)) ?? undefined,
  );
  return {
    waypoints,
    bindingOf: (fetch, user) => {
      const asked = askedOf(user, surroundings.labelsOf(fetch, user.namespace));
      if (asked === null) return null;
      const waypoint = fetch.get(waypoints, asked);
      if (waypoint === undefined || waypoint.address === null)
        return refused(
          'WaypointIsNotReady',
          `waypoint ${asked} ${waypoint === undefined ? 'does not exist' : 'has no address yet'}`,
        );
      const home = { namespace: user.namespace, labels: surroundings.labelsOf(fetch, user.namespace) };
      if (!allowsNamespace(waypoint.allowed, waypoint.namespace, home))
        return refused(
          'AttachmentDenied',
          `waypoint ${asked} takes no traffic of namespace ${user.namespace}; see allowedRoutes of its listener`,
        );
      if (!waypoint.traffic.includes(user.traffic))
        return refused(
          'UnsupportedTrafficType',
          `waypoint ${asked} takes no ${user.traffic} traffic; see its label istio.io/waypoint-for`,
        );
      return { kind: 'bound', waypoint };
    },
  };
}

/** `<namespace>/<name>` of the waypoint; the label `none` on the object keeps the namespace's from applying. */
function askedOf({ namespace, labels }: WaypointUser, namespaceLabels: Labels): string | null {
  const own = labels[LABEL_USE_WAYPOINT];
  const source = own === undefined || own === '' ? namespaceLabels : labels;
  const name = source[LABEL_USE_WAYPOINT];
  if (name === undefined || name === '' || name === 'none') return null;
  const elsewhere = source[LABEL_USE_WAYPOINT_NAMESPACE];
  return `${elsewhere === undefined || elsewhere === '' ? namespace : elsewhere}/${name}`;
}

const refused = (reason: WaypointRefusal, message: string): WaypointBinding => ({ kind: 'refused', reason, message });
