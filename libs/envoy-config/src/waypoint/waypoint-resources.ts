import type { Collection, FetchContext } from '@weft/collections';
import { selectorMatches, type Subset } from '@weft/mesh-api';
import {
  serviceNameOf,
  type AttachedService,
  type EnvoyPatch,
  type MeshModel,
  type ServiceClaim,
} from '@weft/mesh-model';
import { ENDPOINT_TYPE_URL, ROUTE_TYPE_URL } from '@weft/xds';
import { ClusterLoadAssignment } from '@weft/xds/gen/envoy/config/endpoint/v3/endpoint.js';
import { RouteConfiguration } from '@weft/xds/gen/envoy/config/route/v3/route.js';
import { discoveryOf, mayHaveNames } from '../clusters/discovery.js';
import { effectivePolicy, subsetsOf } from '../clusters/effective-policy.js';
import type { EncodedRoutes } from '../messages/spliced-routes.js';
import { addedClusters, patchedCluster, patchedListener } from '../patches/patched-clusters.js';
import { patchedRoutes } from '../patches/patched-routes.js';
import { providerLookup } from '../providers/provider-lookup.js';
import {
  clusterResource,
  listenerResource,
  proxyResource,
  routesResource,
  SAME_VERSION,
  type ProxyResource,
} from '../resources/proxy-resource.js';
import { ruleCredentials, type CredentialUser } from '../resources/rule-credentials.js';
import { outboundName } from '../routes/route-target.js';
import { attachedChains, patchesOf, type ChainSettings } from './attached-chains.js';
import { vipServiceOf } from '../services/attached-view.js';
import { connectOriginateCluster, connectOriginateListener } from '../connections/connect-originate.js';
import { connectTerminate } from './connect-terminate.js';
import { directChains, directRoutes } from './direct-chains.js';
import { blackHoleCluster, encapCluster, mainInternalCluster } from '../connections/inner-clusters.js';
import { mainInternal, type ServiceChains, type WorkloadChains } from './main-internal.js';
import type { MeshSettings } from '../resources/mesh-settings.js';
import { serviceEndpoints, type ServiceEndpoint } from '../services/service-endpoints.js';
import { vipCluster } from '../services/vip-cluster.js';
import { vipLoadAssignment } from '../services/vip-endpoints.js';
import { vipRoutes } from './vip-routes.js';
import { stacksOf, vipName, type VipPort, type VipService } from '../services/vip-service.js';

/** A service that routes of a waypoint or gateway send requests to, though it is not behind it. */
export interface ForeignService {
  readonly key: string;
  readonly waypoint: string;
  readonly claim: ServiceClaim;
  readonly rules: AttachedService['destinationRules'];
}

/** Everything that Envoys of waypoints are told, derived from the model piece by piece. */
export function waypointResources(model: MeshModel, mesh: MeshSettings): Collection<ProxyResource> {
  const { graph, attachedServices, attachedWorkloads, waypoints, sources, envoyPatchesAt } = model;
  const lookup = providerLookup(model);
  const settingsOf = (fetch: FetchContext): ChainSettings => ({
    clusterDomain: mesh.clusterDomain,
    providers: lookup.providersFor(fetch),
    clusterId: model.config.clusterId,
    jwt: { unknownKeys: mesh.unknownKeys, jwksOf: (source) => fetch.get(sources.jwks, source) },
  });
  const chains = graph.derive('attached chains', attachedServices, (attached, fetch) => ({
    waypoint: attached.waypoint.key,
    chains: attachedChains(attached, settingsOf(fetch)),
    patches: patchesOf(attached),
  }));
  const byWaypoint = graph.index('attached chains by waypoint', chains, ({ waypoint }) => [waypoint]);
  const common = graph.deriveMany(
    'resources of waypoints',
    waypoints,
    (gateway, fetch) => {
      const waypoint = gateway.key;
      const services = fetch.lookup(byWaypoint, waypoint);
      const patches = patchesOf({ envoyPatches: envoyPatchesAt(fetch, gateway) });
      const workloads = fetch.get(attachedWorkloads, waypoint);
      return ofWaypoint(waypoint, {
        services: services.map((one) => one.chains),
        patches,
        added: [...patches, ...services.flatMap((one) => one.patches)],
        workloads:
          workloads === undefined || workloads.addresses.length === 0
            ? null
            : directChains(workloads.addresses, workloads, settingsOf(fetch)),
        mesh,
      });
    },
    SAME_VERSION,
  );
  const foreign = foreignServices(model, lookup.claimsFor);
  const endpoints = serviceEndpointsOf(model);
  const namedEndpoints = namedEndpointsOf(model);
  const ofServices = graph.deriveMany(
    'clusters and routes of attached services',
    attachedServices,
    (attached, fetch) => ofService(attached, namedEndpoints(fetch, attached.claim), mesh),
    SAME_VERSION,
  );
  const ofForeign = graph.deriveMany(
    'clusters of other services',
    foreign,
    (service, fetch) => {
      const waypoint = fetch.get(waypoints, service.waypoint);
      const envoyPatches = waypoint === undefined ? [] : envoyPatchesAt(fetch, waypoint);
      const named = namedEndpoints(fetch, service.claim);
      return foreignClusters(service, named, { mesh, patches: patchesOf({ envoyPatches }) });
    },
    SAME_VERSION,
  );
  const attachedUsers = graph.derive(
    'attached users of credentials',
    attachedServices,
    ({ key, waypoint, destinationRules }): CredentialUser => ({ key, waypoint: waypoint.key, rules: destinationRules }),
  );
  const foreignUsers = graph.derive(
    'other users of credentials',
    foreign,
    ({ key, waypoint, rules }): CredentialUser => ({ key: `outbound ${key}`, waypoint, rules }),
  );
  const users = graph.union('users of credentials', [attachedUsers, foreignUsers]);
  return graph.union('resources of proxies', [
    common,
    ruleCredentials(model, 'waypoints', users),
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

export const serviceEndpointsOf =
  ({ membersOf }: MeshModel): EndpointsOf =>
  (fetch, claim) =>
    membersOf(fetch, claim).flatMap(({ workload, labels }) => serviceEndpoints(workload, serviceNameOf(claim), labels));

/** Of services that may have names among them; none otherwise, so that nothing is derived again when pods come and go. */
export function namedEndpointsOf(model: MeshModel): EndpointsOf {
  const endpoints = serviceEndpointsOf(model);
  return (fetch, claim) => (mayHaveNames(claim.resolution) ? endpoints(fetch, claim) : []);
}

interface WaypointParts {
  readonly services: readonly ServiceChains[];
  readonly workloads: WorkloadChains | null;
  /** For everything that goes through the waypoint. */
  readonly patches: readonly EnvoyPatch[];
  /** With those for single services, whose clusters are there once for all. */
  readonly added: readonly EnvoyPatch[];
  readonly mesh: MeshSettings;
}

function ofWaypoint(waypoint: string, parts: WaypointParts): readonly ProxyResource[] {
  const { services, workloads, patches, added, mesh } = parts;
  const listeners = [connectTerminate(mesh), mainInternal(services, workloads), connectOriginateListener()];
  const clusters = [mainInternalCluster(), encapCluster(), connectOriginateCluster(mesh), blackHoleCluster()];
  return [
    ...[
      ...clusters,
      ...addedClusters(
        added,
        clusters.map(({ name }) => name),
      ),
    ].map((one) => clusterResource(waypoint, one)),
    ...listeners.map((one) => listenerResource(waypoint, patchedListener(one, patches))),
    ...(workloads === null ? [] : [routesResource(waypoint, patchedRoutes(encodedDirectRoutes(), patches, null))]),
  ];
}

function ofService(
  attached: AttachedService,
  endpoints: readonly ServiceEndpoint[],
  mesh: MeshSettings,
): readonly ProxyResource[] {
  const { claim, addresses, destinationRules } = attached;
  const service = vipServiceOf(claim, addresses);
  const patches = patchesOf(attached);
  return service.ports.flatMap((port) =>
    stacksOf(port).flatMap((stack) => [
      ...clustersOf(attached.waypoint.key, service, port, {
        rules: destinationRules,
        nameOf: (subset) => vipName(service.hostname, port.number, stack, subset),
        stack,
        mesh,
        patches,
        attached: true,
        endpoints: onPort(endpoints, port.number),
      }),
      ...(stack === 'http'
        ? [routesResource(attached.waypoint.key, patchedRoutes(vipRoutes(attached, port, mesh), patches, port.number))]
        : []),
    ]),
  );
}

interface ClusterSet {
  readonly rules: AttachedService['destinationRules'];
  readonly nameOf: (subset: string | undefined) => string;
  readonly stack: 'http' | 'tcp';
  readonly mesh: MeshSettings;
  readonly patches: readonly EnvoyPatch[];
  /** False: routes send to it, though it is not behind the waypoint. */
  readonly attached: boolean;
  /** Of the port, if names may be among them. */
  readonly endpoints: readonly ServiceEndpoint[];
}

/** For the whole of a service port and for each subset. */
function clustersOf(
  waypoint: string,
  service: VipService,
  port: VipPort,
  { rules, nameOf, stack, mesh, patches, attached, endpoints }: ClusterSet,
): readonly ProxyResource[] {
  return [undefined, ...subsetsOf(rules)].flatMap((subset) => {
    const cluster = vipCluster(service, port, {
      name: nameOf(subset?.name),
      stack,
      mesh,
      policy: effectivePolicy(rules, port.number, subset),
      discovery: discoveryOf({
        resolution: service.resolution,
        endpoints: ofSubset(endpoints, subset),
        direct: attached,
      }),
      ...(subset === undefined ? {} : { subset: subset.name }),
    });
    const { hostname } = service;
    const patched = patchedCluster(cluster, patches, { hostname, port: port.number, subset: subset?.name, attached });
    return patched === null ? [] : [clusterResource(waypoint, patched)];
  });
}

function endpointsOf(
  { waypoint, claim, destinationRules }: AttachedService,
  endpoints: readonly ServiceEndpoint[],
): readonly ProxyResource[] {
  const service = vipServiceOf(claim, []);
  return service.ports.flatMap((port) =>
    stacksOf(port).flatMap((stack) =>
      assignmentsOf(waypoint.key, destinationRules, onPort(endpoints, port.number), (subset) =>
        vipName(claim.hostname, port.number, stack, subset),
      ),
    ),
  );
}

function assignmentsOf(
  waypoint: string,
  rules: AttachedService['destinationRules'],
  endpoints: readonly ServiceEndpoint[],
  nameOf: (subset: string | undefined) => string,
): readonly ProxyResource[] {
  return [undefined, ...subsetsOf(rules)].map((subset) => {
    const members = ofSubset(endpoints, subset).filter(({ isName }) => !isName);
    return endpointResource(waypoint, nameOf(subset?.name), members);
  });
}

const ofSubset = (endpoints: readonly ServiceEndpoint[], subset: Subset | undefined): readonly ServiceEndpoint[] =>
  endpoints.filter(({ labels }) => selectorMatches(subset?.labels ?? {}, labels));

function foreignServices(
  { graph, attachedServices, waypoints, destinationRulesAt }: MeshModel,
  providersFor: (fetch: FetchContext) => readonly ServiceClaim[],
): Collection<ForeignService> {
  const referred = graph.deriveMany(
    'references to other services',
    attachedServices,
    ({ key: from, waypoint, destinations }) =>
      Object.values(destinations).flatMap((one) =>
        one.kind === 'service' && !one.attached
          ? [
              {
                from,
                key: `${waypoint.key}|${serviceNameOf(one.claim)}`,
                waypoint: waypoint.key,
                claim: one.claim,
                rules: one.destinationRules,
              },
            ]
          : [],
      ),
    { key: ({ from, key: to }) => `${from} ${to}` },
  );
  const asked = graph.deriveMany(
    'services of providers',
    waypoints,
    (waypoint, fetch) =>
      providersFor(fetch).map((claim) => ({
        from: 'providers',
        key: `${waypoint.key}|${serviceNameOf(claim)}`,
        waypoint: waypoint.key,
        claim,
        rules: destinationRulesAt(fetch, { waypoint, claim }),
      })),
    { key: ({ from, key: to }) => `${from} ${to}` },
  );
  const users = graph.union('users of other services', [referred, asked]);
  const grouped = graph.group('other services', users, ({ key: to }) => [to]);
  return graph.derive('foreign services', grouped, ({ members }) => {
    const { key: foreignKey, waypoint, claim, rules } = members[0]!;
    return { key: foreignKey, waypoint, claim, rules };
  });
}

export interface ForeignClusterOptions {
  readonly mesh: MeshSettings;
  readonly patches?: readonly EnvoyPatch[];
  /** Its endpoints are the proxies of its waypoint, whatever its own are. */
  readonly throughWaypoint?: boolean;
}

export function foreignClusters(
  { waypoint, claim, rules }: ForeignService,
  named: readonly ServiceEndpoint[],
  { mesh, patches = [], throughWaypoint = false }: ForeignClusterOptions,
): readonly ProxyResource[] {
  const own = vipServiceOf(claim, []);
  const service: VipService = throughWaypoint ? { ...own, resolution: 'STATIC' } : own;
  return service.ports.flatMap((port) =>
    clustersOf(waypoint, service, port, {
      rules,
      nameOf: (subset) => outboundName(claim.hostname, port.number, subset),
      stack: stacksOf(port)[0]!,
      mesh,
      patches,
      attached: false,
      endpoints: onPort(named, port.number),
    }),
  );
}

export function foreignEndpoints(
  { waypoint, claim, rules }: ForeignService,
  endpoints: readonly ServiceEndpoint[],
): readonly ProxyResource[] {
  return claim.ports.flatMap(({ servicePort }) =>
    assignmentsOf(waypoint, rules, onPort(endpoints, servicePort), (subset) =>
      outboundName(claim.hostname, servicePort, subset),
    ),
  );
}

const onPort = (endpoints: readonly ServiceEndpoint[], port: number): readonly ServiceEndpoint[] =>
  endpoints.filter(({ servicePort }) => servicePort === port);

const encodedDirectRoutes = (): EncodedRoutes => {
  const routes = directRoutes();
  return { name: routes.name, body: RouteConfiguration.encode(routes).finish() };
};
const endpointResource = (waypoint: string, cluster: string, endpoints: readonly ServiceEndpoint[]): ProxyResource =>
  proxyResource(
    waypoint,
    ENDPOINT_TYPE_URL,
    cluster,
    ClusterLoadAssignment.encode(vipLoadAssignment(cluster, endpoints)).finish(),
  );
