import type { Collection, FetchContext, Graph } from '@weft/collections';
import { allowsNamespace, CONTROLLERS } from '@weft/gateway-api';
import { GATEWAY_CLASSES, LABEL_USE_WAYPOINT, LABEL_USE_WAYPOINT_NAMESPACE } from '@weft/mesh-api';
import type { GatewayAddress } from '@weft/xds/gen/mesh/workload/workload.js';
import type { MeshSources } from '../mesh-sources.js';
import type { SurroundingsCollections } from '../surroundings-collections.js';
import { serviceAddress, waypointGatewayOf, type WaypointGateway, type WaypointTraffic } from './waypoint-gateway.js';

type Labels = Readonly<Record<string, string>>;

/** What came of asking for a waypoint by label. */
export type WaypointBinding =
  | { readonly kind: 'bound'; readonly waypoint: WaypointGateway }
  | {
      readonly kind: 'refused';
      readonly reason: WaypointRefusal;
      readonly message: string;
      /** Where the waypoint would be: traffic goes there and nowhere else, so that nothing passes it by. Null: it goes on without. */
      readonly awaited: GatewayAddress | null;
    };

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

/**
 * Differs from Istio: a waypoint that was asked for and is missing, or has no address yet, is not passed by.
 *
 * @see https://istio.io/latest/docs/ambient/usage/waypoint/
 */
export function waypointBindings(
  graph: Graph,
  sources: MeshSources,
  surroundings: SurroundingsCollections,
  clusterDomain: string,
): WaypointBindings {
  const classes = graph.derive('classes of waypoints', sources.gatewayClasses, (object) =>
    GATEWAY_CLASSES.parse(object).spec?.controllerName === CONTROLLERS.waypoint ? true : undefined,
  );
  const waypoints = graph.derive<unknown, WaypointGateway>('waypoints', sources.gateways, (object, fetch) => {
    const isWaypointClass = (name: string) => fetch.get(classes, name) === true;
    return waypointGatewayOf(object, surroundings.networkOf(fetch), isWaypointClass) ?? undefined;
  });
  return {
    waypoints,
    bindingOf: (fetch, user) => {
      const asked = askedOf(user, surroundings.labelsOf(fetch, user.namespace));
      if (asked === null) return null;
      const waypoint = fetch.get(waypoints, asked.key);
      const awaited = serviceAddress(asked, clusterDomain);
      if (waypoint === undefined) return missing(asked, user.traffic, awaited);
      const home = { namespace: user.namespace, labels: surroundings.labelsOf(fetch, user.namespace) };
      if (!allowsNamespace(waypoint.allowed, waypoint.namespace, home))
        return passedBy(
          'AttachmentDenied',
          `waypoint ${asked.key} takes no traffic of namespace ${user.namespace}; see allowedRoutes of its listener`,
        );
      if (!waypoint.traffic.includes(user.traffic))
        return passedBy(
          'UnsupportedTrafficType',
          `waypoint ${asked.key} takes no ${user.traffic} traffic; see its label istio.io/waypoint-for`,
        );
      if (waypoint.address === null) return refused(`waypoint ${asked.key} has no address yet`, awaited);
      return { kind: 'bound', waypoint };
    },
  };
}

interface AskedWaypoint {
  /** `<namespace>/<name>`. */
  readonly key: string;
  readonly namespace: string;
  readonly name: string;
  /** By a label of the object itself, not of its namespace. */
  readonly byItself: boolean;
}

/** The label `none` on the object keeps the namespace's from applying. */
function askedOf({ namespace, labels }: WaypointUser, namespaceLabels: Labels): AskedWaypoint | null {
  const own = labels[LABEL_USE_WAYPOINT];
  const byItself = own !== undefined && own !== '';
  const source = byItself ? labels : namespaceLabels;
  const name = source[LABEL_USE_WAYPOINT];
  if (name === undefined || name === '' || name === 'none') return null;
  const elsewhere = source[LABEL_USE_WAYPOINT_NAMESPACE];
  const home = elsewhere === undefined || elsewhere === '' ? namespace : elsewhere;
  return { key: `${home}/${name}`, namespace: home, name, byItself };
}

/** A Gateway that nobody has seen takes traffic of services, as one without the label `istio.io/waypoint-for` does. */
function missing(asked: AskedWaypoint, traffic: WaypointTraffic, awaited: GatewayAddress): WaypointBinding {
  const message = `waypoint ${asked.key} does not exist`;
  if (traffic === 'workload' && !asked.byItself) return passedBy('WaypointIsNotReady', message);
  return refused(message, awaited);
}

const refused = (problem: string, awaited: GatewayAddress): WaypointBinding => ({
  kind: 'refused',
  reason: 'WaypointIsNotReady',
  message: `${problem}; connections are refused until it is ready, or the label istio.io/use-waypoint is taken away`,
  awaited,
});

const passedBy = (reason: WaypointRefusal, message: string): WaypointBinding => ({
  kind: 'refused',
  reason,
  message,
  awaited: null,
});

/** Where the traffic of whoever asked goes first; undefined: straight to it. */
export function waypointAddressOf(binding: WaypointBinding | null): GatewayAddress | undefined {
  if (binding === null) return undefined;
  return (binding.kind === 'bound' ? binding.waypoint.address : binding.awaited) ?? undefined;
}
