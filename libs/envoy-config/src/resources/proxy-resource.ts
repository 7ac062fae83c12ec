import {
  CLUSTER_TYPE_URL,
  ENDPOINT_TYPE_URL,
  LISTENER_TYPE_URL,
  makeXdsResource,
  ROUTE_TYPE_URL,
  type XdsResource,
} from '@weft/xds';
import { Cluster } from '@weft/xds/gen/envoy/config/cluster/v3/cluster.js';
import { ClusterLoadAssignment } from '@weft/xds/gen/envoy/config/endpoint/v3/endpoint.js';
import { Listener } from '@weft/xds/gen/envoy/config/listener/v3/listener.js';
import { RouteConfiguration } from '@weft/xds/gen/envoy/config/route/v3/route.js';
import type { EncodedRoutes } from '../messages/spliced-routes.js';

/** A resource, and which proxies are told of it. */
export interface ProxyResource {
  /**
   * Waypoints and gateways: `<namespace>/<name>` of the Gateway. gRPC clients: their namespace, or empty for those of every
   * namespace that has none of that name for itself.
   */
  readonly clients: string;
  readonly typeUrl: string;
  readonly resource: XdsResource;
  /** Only for those on this node, in place of what the others are told under the name. */
  readonly node?: string;
}

/** For collections of them: who it is for and its name make the key; equal bytes are no change. */
export const SAME_VERSION = {
  key: ({ clients, typeUrl, resource, node = '' }: ProxyResource): string =>
    `${clients}|${typeUrl}|${resource.name}|${node}`,
  equals: (a: ProxyResource, b: ProxyResource): boolean => a.resource.version === b.resource.version,
};

export function proxyResource(clients: string, typeUrl: string, name: string, body: Uint8Array): ProxyResource {
  return { clients, typeUrl, resource: makeXdsResource({ name, typeUrl, body }) };
}

export const clusterResource = (clients: string, cluster: Cluster): ProxyResource =>
  proxyResource(clients, CLUSTER_TYPE_URL, cluster.name, Cluster.encode(cluster).finish());

export const endpointResource = (clients: string, assignment: ClusterLoadAssignment): ProxyResource =>
  proxyResource(clients, ENDPOINT_TYPE_URL, assignment.clusterName, ClusterLoadAssignment.encode(assignment).finish());

export const listenerResource = (clients: string, listener: Listener): ProxyResource =>
  proxyResource(clients, LISTENER_TYPE_URL, listener.name, Listener.encode(listener).finish());

export const routeResource = (clients: string, routes: RouteConfiguration): ProxyResource =>
  proxyResource(clients, ROUTE_TYPE_URL, routes.name, RouteConfiguration.encode(routes).finish());

export const encodedRouteResource = (clients: string, { name, body }: EncodedRoutes): ProxyResource =>
  proxyResource(clients, ROUTE_TYPE_URL, name, body);
