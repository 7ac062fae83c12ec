import type { Collection } from '@weft/collections';
import { selectorMatches } from '@weft/mesh-api';
import { serviceNameOf, type MeshModel, type ServiceView } from '@weft/mesh-model';
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
import { effectivePolicy, subsetsOf } from '../clusters/effective-policy.js';
import { outboundName, UNKNOWN_SERVICE } from '../routes/route-target.js';
import type { MeshSettings } from '../resources/mesh-settings.js';
import { serviceEndpoints, type ServiceEndpoint } from '../services/service-endpoints.js';
import { vipLoadAssignment } from '../services/vip-endpoints.js';
import { proxylessCluster } from './proxyless-cluster.js';
import { proxylessListener } from './proxyless-listener.js';
import { proxylessRoutes } from './proxyless-routes.js';

/** A resource for gRPC clients that route by themselves. */
export interface ProxylessResource {
  /** Empty: for those of every namespace that has none of that name for itself. */
  readonly clientNamespace: string;
  readonly typeUrl: string;
  readonly resource: XdsResource;
}

const SAME_VERSION = {
  key: ({ clientNamespace, typeUrl, resource }: ProxylessResource): string =>
    `${clientNamespace}|${typeUrl}|${resource.name}`,
  equals: (a: ProxylessResource, b: ProxylessResource): boolean => a.resource.version === b.resource.version,
};

/**
 * Every service for gRPC clients: a listener by the name that is dialled, its routes, clusters and endpoints.
 *
 * @see reference/l7-envoy-config.md 4.9
 */
export function proxylessResources(model: MeshModel, { clusterDomain }: MeshSettings): Collection<ProxylessResource> {
  const { graph, serviceViews, membersOf, sources } = model;
  const nowhere = graph.deriveMany(
    'where calls without a destination go',
    sources.proxylessNamespaces,
    unknownService,
    {
      ...SAME_VERSION,
    },
  );
  const fixed = graph.deriveMany(
    'listeners, routes and clusters of views',
    serviceViews,
    (view) => ofView(view, clusterDomain),
    SAME_VERSION,
  );
  const endpoints = graph.deriveMany(
    'endpoints of views',
    serviceViews,
    (view, fetch) =>
      endpointsOf(
        view,
        membersOf(fetch, view.claim).flatMap(({ workload, labels }) =>
          serviceEndpoints(workload, serviceNameOf(view.claim), labels),
        ),
      ),
    SAME_VERSION,
  );
  return graph.union('resources of proxyless clients', [nowhere, fixed, endpoints]);
}

/** A cluster that is there and has no endpoints: calls fail at once, where an unknown cluster would be waited for. */
function unknownService(namespace: string): readonly ProxylessResource[] {
  return [clusterOf(namespace, proxylessCluster(UNKNOWN_SERVICE, {})), assignmentOf(namespace, UNKNOWN_SERVICE, [])];
}

function ofView(view: ServiceView, clusterDomain: string): readonly ProxylessResource[] {
  const { clientNamespace, claim, destinationRules } = view;
  return claim.ports.flatMap(({ servicePort }) => {
    const routes = proxylessRoutes(view, servicePort, clusterDomain);
    const listener = proxylessListener(`${claim.hostname}:${servicePort}`, routes.name);
    return [
      make(clientNamespace, LISTENER_TYPE_URL, listener.name, Listener.encode(listener).finish()),
      make(clientNamespace, ROUTE_TYPE_URL, routes.name, RouteConfiguration.encode(routes).finish()),
      ...[undefined, ...subsetsOf(destinationRules)].map((subset) =>
        clusterOf(
          clientNamespace,
          proxylessCluster(
            outboundName(claim.hostname, servicePort, subset?.name),
            effectivePolicy(destinationRules, servicePort, subset),
          ),
        ),
      ),
    ];
  });
}

function endpointsOf(view: ServiceView, all: readonly ServiceEndpoint[]): readonly ProxylessResource[] {
  const { clientNamespace, claim, destinationRules } = view;
  return claim.ports.flatMap(({ servicePort }) => {
    const members = all.filter((one) => one.servicePort === servicePort);
    return [undefined, ...subsetsOf(destinationRules)].map((subset) => {
      const chosen = members.filter(({ labels }) => selectorMatches(subset?.labels ?? {}, labels));
      const name = outboundName(claim.hostname, servicePort, subset?.name);
      return assignmentOf(clientNamespace, name, behindWaypoint(view, servicePort) ?? chosen);
    });
  });
}

/** The service's own address, on which the node proxy takes calls to the waypoint; null: there is none, or no waypoint. */
function behindWaypoint({ behindWaypoint: is, addresses, claim }: ServiceView, port: number) {
  const address = addresses.find(({ length }) => length === undefined);
  if (!is || address === undefined) return null;
  const nobody = {
    name: '',
    serviceAccount: '',
    trustDomain: '',
    canonicalName: '',
    canonicalRevision: '',
    clusterId: '',
  };
  return [
    {
      host: address.ip.text,
      isName: false,
      port,
      hbone: false,
      weight: 1,
      locality: { region: '', zone: '', subzone: '' },
      labels: {},
      workload: { ...nobody, namespace: claim.meta.namespace },
    },
  ];
}

function make(clientNamespace: string, typeUrl: string, name: string, body: Uint8Array): ProxylessResource {
  return { clientNamespace, typeUrl, resource: makeXdsResource({ name, typeUrl, body }) };
}

const clusterOf = (clientNamespace: string, cluster: Cluster): ProxylessResource =>
  make(clientNamespace, CLUSTER_TYPE_URL, cluster.name, Cluster.encode(cluster).finish());

/** Always by address: the client connects to pods itself, and its node proxy sees to encryption. */
const assignmentOf = (
  clientNamespace: string,
  cluster: string,
  endpoints: Parameters<typeof vipLoadAssignment>[1],
): ProxylessResource =>
  make(
    clientNamespace,
    ENDPOINT_TYPE_URL,
    cluster,
    ClusterLoadAssignment.encode(
      vipLoadAssignment(
        cluster,
        endpoints.filter(({ isName }) => !isName).map((one) => ({ ...one, hbone: false })),
      ),
    ).finish(),
  );
