import type { Collection } from '@weft/collections';
import type { MeshModel, ServiceView } from '@weft/mesh-model';
import { effectivePolicy, subsetsOf } from '../clusters/effective-policy.js';
import { outboundName, UNKNOWN_SERVICE } from '../routes/route-target.js';
import type { MeshSettings } from '../resources/mesh-settings.js';
import {
  clusterResource,
  endpointResource,
  listenerResource,
  routeResource,
  SAME_VERSION,
  type ProxyResource,
} from '../resources/proxy-resource.js';
import { endpointsOfService, serviceAssignments } from '../services/service-assignments.js';
import type { ServiceEndpoint } from '../services/service-endpoints.js';
import { vipLoadAssignment, type VipEndpoint } from '../services/vip-endpoints.js';
import { proxylessCluster } from './proxyless-cluster.js';
import { proxylessListener } from './proxyless-listener.js';
import { proxylessRoutes } from './proxyless-routes.js';

/** Every service for gRPC clients: a listener by the name that is dialled, its routes, clusters and endpoints. */
export function proxylessResources(model: MeshModel, { clusterDomain }: MeshSettings): Collection<ProxyResource> {
  const { graph, serviceViews, sources } = model;
  const endpointsOf = endpointsOfService(model);
  return graph.union('resources of proxyless clients', [
    graph.deriveMany(
      'where calls without a destination go',
      sources.proxylessNamespaces,
      (namespace) => unknownService(namespace),
      SAME_VERSION,
    ),
    graph.deriveMany(
      'listeners, routes and clusters of views',
      serviceViews,
      (view) => ofView(view, clusterDomain),
      SAME_VERSION,
    ),
    graph.deriveMany(
      'endpoints of views',
      serviceViews,
      (view, fetch) => assignmentsOf(view, endpointsOf(fetch, view.claim)),
      SAME_VERSION,
    ),
  ]);
}

/** A cluster that is there and has no endpoints: calls fail at once, where an unknown cluster would be waited for. */
function unknownService(namespace: string): readonly ProxyResource[] {
  return [
    clusterResource(namespace, proxylessCluster(UNKNOWN_SERVICE, {})),
    endpointResource(namespace, vipLoadAssignment(UNKNOWN_SERVICE, [])),
  ];
}

function ofView(view: ServiceView, clusterDomain: string): readonly ProxyResource[] {
  const { clientNamespace, claim, destinationRules } = view;
  return claim.ports.flatMap(({ servicePort }) => {
    const routes = proxylessRoutes(view, servicePort, clusterDomain);
    const listener = proxylessListener(`${claim.hostname}:${servicePort}`, routes.name);
    return [
      listenerResource(clientNamespace, listener),
      routeResource(clientNamespace, routes),
      ...[undefined, ...subsetsOf(destinationRules)].map((subset) =>
        clusterResource(
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

/** Always by address: the client connects to pods itself, and its node proxy sees to encryption. */
function assignmentsOf(view: ServiceView, members: readonly ServiceEndpoint[]): readonly ProxyResource[] {
  const { clientNamespace, claim, destinationRules: rules } = view;
  const endpoints = members.map((one) => ({ ...one, hbone: false }));
  return claim.ports.flatMap(({ servicePort }) => {
    const nameOf = (subset: string | undefined) => outboundName(claim.hostname, servicePort, subset);
    const waypoint = waypointEndpoint(view, servicePort);
    return waypoint === null
      ? serviceAssignments(clientNamespace, servicePort, { rules, nameOf, endpoints })
      : [undefined, ...subsetsOf(rules)].map((subset) =>
          endpointResource(clientNamespace, vipLoadAssignment(nameOf(subset?.name), [waypoint])),
        );
  });
}

/** The service's own address, on which the node proxy takes calls to the waypoint; null: there is none, or no waypoint. */
function waypointEndpoint({ behindWaypoint, addresses, claim }: ServiceView, port: number): VipEndpoint | null {
  const address = addresses.find(({ length }) => length === undefined);
  if (!behindWaypoint || address === undefined) return null;
  const nobody = {
    name: '',
    serviceAccount: '',
    trustDomain: '',
    canonicalName: '',
    canonicalRevision: '',
    clusterId: '',
  };
  return {
    host: address.ip.text,
    isName: false,
    port,
    hbone: false,
    weight: 1,
    locality: { region: '', zone: '', subzone: '' },
    node: '',
    network: '',
    labels: {},
    workload: { ...nobody, namespace: claim.meta.namespace },
  };
}
