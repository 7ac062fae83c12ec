import type { FetchContext } from '@weft/collections';
import type { IngressGateway, MeshModel, ServiceClaim } from '@weft/mesh-model';
import { OnDemand, PerRouteConfig } from '@weft/xds/gen/envoy/extensions/filters/http/on_demand/v3/on_demand.js';
import { packAny } from '../messages/any.js';
import { ADS } from '../messages/config-source.js';
import { duration } from '../messages/duration.js';
import { filter } from '../messages/extension.js';
import type { RouteDraft } from '../routes/forward.js';
import { outboundName, passthroughName } from '../routes/route-target.js';

/** As long as ztunnel holds connections for a waypoint that is started. */
const HOLD_MS = 30_000;
const FILTER = 'envoy.filters.http.on_demand';

/** A cluster that a gateway is not told of while the waypoint on its way is asleep: who asks for it starts the waypoint. */
export interface SleepingCluster {
  /** `<namespace>/<name>`. */
  readonly gateway: string;
  readonly cluster: string;
  /** `<namespace>/<hostname>` of the waypoint's own service. */
  readonly waypoint: string;
}

/** Names of the clusters that may be missing at times, since a waypoint on the way sleeps. */
export type OnDemandClusters = ReadonlySet<string>;

export function onDemandClusters(
  { ingressWaypoints }: Pick<MeshModel, 'ingressWaypoints'>,
  { destinations }: IngressGateway,
  fetch: FetchContext,
): OnDemandClusters {
  return new Set(
    Object.values(destinations).flatMap((one) =>
      one.kind === 'service' && ingressWaypoints.mayBeAsleep(fetch, one.claim) ? clusterNames(one.claim) : [],
    ),
  );
}

/** Of a service that is reached through a waypoint, which alone knows its subsets. */
export const clusterNames = ({ hostname, ports }: ServiceClaim): readonly string[] =>
  ports.flatMap(({ servicePort }) => [outboundName(hostname, servicePort), passthroughName(hostname, servicePort)]);

/** Goes last before the router: a request that policies refuse wakes nobody. It does nothing but for routes that say so. */
export const onDemandFilter = () => filter(FILTER, OnDemand, {});

const wait = { timeout: duration(HOLD_MS) };

/** Connections wait for the cluster that they go to. */
export const heldConnections = { onDemand: { odcdsConfig: ADS, ...wait } };

/** A request waits for the cluster that its route sends it to. */
export function withHeldRequests(route: RouteDraft, clusters: OnDemandClusters): RouteDraft {
  if (clusters.size === 0 || !targetsOf(route).some((name) => clusters.has(name))) return route;
  let waiting = held.get(route);
  if (waiting === undefined) {
    const config = packAny(PerRouteConfig, { odcds: { source: ADS, ...wait } });
    waiting = { ...route, typedPerFilterConfig: { ...route.typedPerFilterConfig, [FILTER]: config } };
    held.set(route, waiting);
  }
  return waiting;
}

/** So that what did not change stays the same object. */
const held = new WeakMap<RouteDraft, RouteDraft>();

function targetsOf({ action }: RouteDraft): readonly string[] {
  const target = action?.$case === 'route' ? action.value?.clusterSpecifier : undefined;
  if (target?.$case === 'cluster') return [target.value ?? ''];
  if (target?.$case !== 'weightedClusters') return [];
  return target.value?.clusters?.map(({ name = '' }) => name) ?? [];
}
