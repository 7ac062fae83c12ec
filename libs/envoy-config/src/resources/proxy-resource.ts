import { CLUSTER_TYPE_URL, LISTENER_TYPE_URL, makeXdsResource, ROUTE_TYPE_URL, type XdsResource } from '@weft/xds';
import { Cluster } from '@weft/xds/gen/envoy/config/cluster/v3/cluster.js';
import { Listener } from '@weft/xds/gen/envoy/config/listener/v3/listener.js';
import type { EncodedRoutes } from '../messages/spliced-routes.js';

/** A resource of the proxies of one waypoint or gateway. */
export interface ProxyResource {
  /** `<namespace>/<name>` of the Gateway. */
  readonly waypoint: string;
  readonly typeUrl: string;
  readonly resource: XdsResource;
}

const key = ({ waypoint, typeUrl, resource }: ProxyResource): string => `${waypoint}|${typeUrl}|${resource.name}`;
export const SAME_VERSION = {
  key,
  equals: (a: ProxyResource, b: ProxyResource): boolean => a.resource.version === b.resource.version,
};

export function proxyResource(waypoint: string, typeUrl: string, name: string, body: Uint8Array): ProxyResource {
  return { waypoint, typeUrl, resource: makeXdsResource({ name, typeUrl, body }) };
}

export const clusterResource = (waypoint: string, cluster: Cluster): ProxyResource =>
  proxyResource(waypoint, CLUSTER_TYPE_URL, cluster.name, Cluster.encode(cluster).finish());
export const listenerResource = (waypoint: string, listener: Listener): ProxyResource =>
  proxyResource(waypoint, LISTENER_TYPE_URL, listener.name, Listener.encode(listener).finish());
export const routesResource = (waypoint: string, { name, body }: EncodedRoutes): ProxyResource =>
  proxyResource(waypoint, ROUTE_TYPE_URL, name, body);
