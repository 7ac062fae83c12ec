import type { Collection, FetchContext, Graph } from '@weft/collections';
import { objectMetaOf } from '@weft/mesh-api';
import { serviceNameOf, type AttachedService, type MeshModel, type ServiceClaim } from '@weft/mesh-model';
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
import type { Workload } from '@weft/xds/gen/mesh/workload/workload.js';
import { outboundName } from '../routes/route-target.js';
import { attachedChains } from './attached-chains.js';
import { vipServiceOf } from './attached-view.js';
import { connectOriginateCluster, connectOriginateListener } from './connect-originate.js';
import { connectTerminate } from './connect-terminate.js';
import { blackHoleCluster, encapCluster, mainInternalCluster } from './inner-clusters.js';
import { mainInternal, type ServiceChains } from './main-internal.js';
import type { MeshSettings } from './mesh-settings.js';
import { serviceEndpoints, type ServiceEndpoint } from './service-endpoints.js';
import { vipCluster } from './vip-cluster.js';
import { vipLoadAssignment } from './vip-endpoints.js';
import { vipRoutes } from './vip-routes.js';
import { stacksOf, vipName } from './vip-service.js';

/** A resource of the proxies of one waypoint. */
export interface ProxyResource {
  /** `<namespace>/<name>` of the Gateway. */
  readonly waypoint: string;
  readonly typeUrl: string;
  readonly resource: XdsResource;
}

/** A service that routes of a waypoint send requests to, though it is not behind it. */
interface ForeignService {
  readonly key: string;
  readonly waypoint: string;
  readonly claim: ServiceClaim;
}

const key = ({ waypoint, typeUrl, resource }: ProxyResource): string => `${waypoint}|${typeUrl}|${resource.name}`;
const SAME_VERSION = {
  key,
  equals: (a: ProxyResource, b: ProxyResource): boolean => a.resource.version === b.resource.version,
};

/** Everything that Envoys of waypoints are told, derived from the model piece by piece. */
export function waypointResources(model: MeshModel, mesh: MeshSettings): Collection<ProxyResource> {
  const { graph, attachedServices, waypoints } = model;
  const chains = graph.derive('attached chains', attachedServices, (attached) => ({
    waypoint: attached.waypoint.key,
    chains: attachedChains(attached),
  }));
  const byWaypoint = graph.index('attached chains by waypoint', chains, ({ waypoint }) => [waypoint]);
  const common = graph.deriveMany(
    'resources of waypoints',
    waypoints,
    ({ key: waypoint }, fetch) =>
      ofWaypoint(
        waypoint,
        fetch.lookup(byWaypoint, waypoint).map((one) => one.chains),
        mesh,
      ),
    SAME_VERSION,
  );
  const ofServices = graph.deriveMany(
    'clusters and routes of attached services',
    attachedServices,
    (attached) => ofService(attached, mesh),
    SAME_VERSION,
  );
  const foreign = foreignServices(graph, attachedServices);
  const ofForeign = graph.deriveMany(
    'clusters of other services',
    foreign,
    (service) => foreignClusters(service, mesh),
    SAME_VERSION,
  );
  const endpoints = serviceEndpointsOf(model);
  return graph.union('resources of proxies', [
    common,
    ofServices,
    ofForeign,
    graph.deriveMany(
      'endpoints of attached services',
      attachedServices,
      (attached, fetch) => endpointsOf(attached, endpoints(fetch, attached.claim)),
      SAME_VERSION,
    ),
    graph.deriveMany(
      'endpoints of other services',
      foreign,
      (service, fetch) => foreignEndpoints(service, endpoints(fetch, service.claim)),
      SAME_VERSION,
    ),
  ]);
}

type EndpointsOf = (fetch: FetchContext, claim: ServiceClaim) => readonly ServiceEndpoint[];

function serviceEndpointsOf({ graph, workloads, sources }: MeshModel): EndpointsOf {
  const byService = graph.index('workloads by service', workloads, ({ services }) => Object.keys(services));
  // Subsets are chosen by labels, which ztunnel is not told.
  const labels = graph.derive('labels of pods', sources.pods, (pod) => objectMetaOf(pod).labels);
  return (fetch, claim) => {
    const serviceKey = serviceNameOf(claim);
    return fetch
      .lookup(byService, serviceKey)
      .flatMap((workload) => serviceEndpoints(workload, serviceKey, fetch.get(labels, podKeyOf(workload)) ?? {}));
  };
}

const podKeyOf = ({ namespace, name }: Workload): string => `${namespace}/${name}`;

function ofWaypoint(
  waypoint: string,
  services: readonly ServiceChains[],
  mesh: MeshSettings,
): readonly ProxyResource[] {
  const listeners = [connectTerminate(mesh), mainInternal(services, null), connectOriginateListener()];
  const clusters = [mainInternalCluster(), encapCluster(), connectOriginateCluster(mesh), blackHoleCluster()];
  return [
    ...clusters.map((one) => clusterResource(waypoint, one)),
    ...listeners.map((one) => listenerResource(waypoint, one)),
  ];
}

function ofService(attached: AttachedService, mesh: MeshSettings): readonly ProxyResource[] {
  const waypoint = attached.waypoint.key;
  const service = vipServiceOf(attached.claim, attached.addresses);
  return service.ports.flatMap((port) =>
    stacksOf(port).flatMap((stack) => [
      clusterResource(
        waypoint,
        vipCluster(service, port, { name: vipName(service.hostname, port.number, stack), stack, mesh }),
      ),
      ...(stack === 'http' ? [routeResource(waypoint, vipRoutes(attached, port))] : []),
    ]),
  );
}

function endpointsOf(
  { waypoint, claim }: AttachedService,
  endpoints: readonly ServiceEndpoint[],
): readonly ProxyResource[] {
  const service = vipServiceOf(claim, []);
  return service.ports.flatMap((port) =>
    stacksOf(port).map((stack) =>
      endpointResource(waypoint.key, vipName(claim.hostname, port.number, stack), onPort(endpoints, port.number)),
    ),
  );
}

function foreignServices(graph: Graph, attachedServices: Collection<AttachedService>): Collection<ForeignService> {
  const referred = graph.deriveMany(
    'references to other services',
    attachedServices,
    ({ key: from, waypoint, destinations }) =>
      Object.values(destinations).flatMap((one) =>
        one.kind === 'service' && !one.attached
          ? [{ from, key: `${waypoint.key}|${serviceNameOf(one.claim)}`, waypoint: waypoint.key, claim: one.claim }]
          : [],
      ),
    { key: ({ from, key: to }) => `${from} ${to}` },
  );
  const grouped = graph.group('other services', referred, ({ key: to }) => [to]);
  return graph.derive('foreign services', grouped, ({ members }) => {
    const { key: foreignKey, waypoint, claim } = members[0]!;
    return { key: foreignKey, waypoint, claim };
  });
}

function foreignClusters({ waypoint, claim }: ForeignService, mesh: MeshSettings): readonly ProxyResource[] {
  const service = vipServiceOf(claim, []);
  return service.ports.map((port) => {
    const stack = stacksOf(port)[0]!;
    return clusterResource(
      waypoint,
      vipCluster(service, port, { name: outboundName(claim.hostname, port.number), stack, mesh }),
    );
  });
}

function foreignEndpoints(
  { waypoint, claim }: ForeignService,
  endpoints: readonly ServiceEndpoint[],
): readonly ProxyResource[] {
  return claim.ports.map(({ servicePort }) =>
    endpointResource(waypoint, outboundName(claim.hostname, servicePort), onPort(endpoints, servicePort)),
  );
}

const onPort = (endpoints: readonly ServiceEndpoint[], port: number): readonly ServiceEndpoint[] =>
  endpoints.filter(({ servicePort }) => servicePort === port);

function proxyResource(waypoint: string, typeUrl: string, name: string, body: Uint8Array): ProxyResource {
  return { waypoint, typeUrl, resource: makeXdsResource({ name, typeUrl, body }) };
}

const clusterResource = (waypoint: string, cluster: Cluster): ProxyResource =>
  proxyResource(waypoint, CLUSTER_TYPE_URL, cluster.name, Cluster.encode(cluster).finish());
const listenerResource = (waypoint: string, listener: Listener): ProxyResource =>
  proxyResource(waypoint, LISTENER_TYPE_URL, listener.name, Listener.encode(listener).finish());
const routeResource = (waypoint: string, routes: RouteConfiguration): ProxyResource =>
  proxyResource(waypoint, ROUTE_TYPE_URL, routes.name, RouteConfiguration.encode(routes).finish());
const endpointResource = (waypoint: string, cluster: string, endpoints: readonly ServiceEndpoint[]): ProxyResource =>
  proxyResource(
    waypoint,
    ENDPOINT_TYPE_URL,
    cluster,
    ClusterLoadAssignment.encode(vipLoadAssignment(cluster, endpoints)).finish(),
  );
