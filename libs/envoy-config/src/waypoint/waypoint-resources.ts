import type { Collection, FetchContext } from '@weft/collections';
import type { AttachedService, BackendTls, BackendTlsByPort, EnvoyPatch, MeshModel } from '@weft/mesh-model';
import { RouteConfiguration } from '@weft/xds/gen/envoy/config/route/v3/route.js';
import { chainSettings } from '../chains/chain-settings.js';
import { connectOriginateCluster, connectOriginateListener } from '../connections/connect-originate.js';
import { blackHoleCluster, encapCluster, mainInternalCluster } from '../connections/inner-clusters.js';
import type { AddressFamilies } from '../messages/listen-addresses.js';
import type { EncodedRoutes } from '../messages/spliced-routes.js';
import { addedClusters, patchedListener } from '../patches/patched-clusters.js';
import { patchedRoutes } from '../patches/patched-routes.js';
import { patchesOf } from '../patches/patches-of.js';
import { providerLookup, type ProviderLookup } from '../providers/provider-lookup.js';
import type { MeshSettings } from '../resources/mesh-settings.js';
import {
  clusterResource,
  encodedRouteResource,
  listenerResource,
  SAME_VERSION,
  type ProxyResource,
} from '../resources/proxy-resource.js';
import { proxyFacts } from '../resources/proxy-facts.js';
import { ruleCredentials, type CredentialUser } from '../resources/rule-credentials.js';
import { vipServiceOf } from '../services/attached-view.js';
import { foreignAssignments, foreignClusters, type ForeignService } from '../services/foreign-service.js';
import {
  endpointsOfService,
  namedEndpointsOfService,
  serviceAssignments,
  type PlaceOfClients,
} from '../services/service-assignments.js';
import { serviceClusters, type ClusterTls } from '../services/service-clusters.js';
import type { ServiceEndpoint } from '../services/service-endpoints.js';
import { stacksOf, vipName } from '../services/vip-service.js';
import { attachedChains } from './attached-chains.js';
import { connectTerminate } from './connect-terminate.js';
import { directChains, directRoutes } from './direct-chains.js';
import { foreignServices } from './foreign-services.js';
import { mainInternal, type ServiceChains, type WorkloadChains } from './main-internal.js';
import { vipRoutes } from './vip-routes.js';

/** Everything that Envoys of waypoints are told, derived from the model piece by piece. */
export function waypointResources(model: MeshModel, mesh: MeshSettings): Collection<ProxyResource> {
  const { graph, attachedServices } = model;
  const lookup = providerLookup(model);
  const endpoints = endpointsOfService(model);
  const named = namedEndpointsOfService(model);
  const foreign = foreignServices(model, lookup.claimsFor);
  const clientsAt = (fetch: FetchContext, waypoint: string): PlaceOfClients => ({
    places: () => model.proxyPlacesOf(fetch, waypoint),
    mesh: lookup.meshAt(fetch, mesh),
  });
  return graph.union('resources of proxies', [
    listenersOfWaypoints(model, mesh, lookup),
    ruleCredentials(model, 'waypoints', credentialUsers(model, foreign)),
    graph.deriveMany(
      'clusters and routes of attached services',
      attachedServices,
      (attached, fetch) =>
        ofService(attached, lookup.meshAt(fetch, mesh), {
          endpoints: named(fetch, attached.claim),
          backendTls: model.backendTlsOf(fetch, attached.claim),
        }),
      SAME_VERSION,
    ),
    graph.deriveMany(
      'clusters of other services',
      foreign,
      (service, fetch) => {
        const waypoint = fetch.get(model.waypoints, service.gateway);
        const envoyPatches = waypoint === undefined ? [] : model.envoyPatchesAt(fetch, waypoint);
        const byPort = model.backendTlsOf(fetch, service.claim);
        return foreignClusters(service, named(fetch, service.claim), {
          mesh: lookup.meshAt(fetch, mesh),
          patches: patchesOf({ envoyPatches }),
          // What is not read as requests goes on as it came.
          backendTls: (port) => (stacksOf(port)[0] === 'http' ? shownNothing(byPort[port.number]) : undefined),
        });
      },
      SAME_VERSION,
    ),
    graph.deriveMany(
      'endpoints of attached services',
      attachedServices,
      (attached, fetch) =>
        assignmentsOf(attached, endpoints(fetch, attached.claim), clientsAt(fetch, attached.waypoint.key)),
      SAME_VERSION,
    ),
    graph.deriveMany(
      'endpoints of other services',
      foreign,
      (service, fetch) =>
        foreignAssignments(service, endpoints(fetch, service.claim), clientsAt(fetch, service.gateway)),
      SAME_VERSION,
    ),
  ]);
}

function credentialUsers(
  { graph, attachedServices }: MeshModel,
  foreign: Collection<ForeignService>,
): Collection<CredentialUser> {
  const attached = graph.derive(
    'attached users of credentials',
    attachedServices,
    ({ key, waypoint, destinationRules }): CredentialUser => ({ key, gateway: waypoint.key, rules: destinationRules }),
  );
  const others = graph.derive('other users of credentials', foreign, ({ key, gateway, rules }): CredentialUser => ({
    key: `outbound ${key}`,
    gateway,
    rules,
  }));
  return graph.union('users of credentials', [attached, others]);
}

/** What a waypoint has once, whatever is behind it. */
function listenersOfWaypoints(model: MeshModel, mesh: MeshSettings, lookup: ProviderLookup): Collection<ProxyResource> {
  const { graph, attachedServices, attachedWorkloads, waypoints, envoyPatchesAt } = model;
  const settingsOf = chainSettings(model, mesh, lookup);
  const chains = graph.derive('attached chains', attachedServices, (attached, fetch) => ({
    waypoint: attached.waypoint.key,
    chains: attachedChains(attached, settingsOf(fetch)),
    patches: patchesOf(attached),
  }));
  const byWaypoint = graph.index('attached chains by waypoint', chains, ({ waypoint }) => [waypoint]);
  const facts = graph.derive('facts of proxies of waypoints', waypoints, ({ key }, fetch) =>
    proxyFacts(key, model.proxyPlacesOf(fetch, key)),
  );
  return graph.deriveMany(
    'resources of waypoints',
    waypoints,
    (gateway, fetch) => {
      const services = fetch.lookup(byWaypoint, gateway.key);
      const patches = patchesOf({ envoyPatches: envoyPatchesAt(fetch, gateway) });
      const workloads = fetch.get(attachedWorkloads, gateway.key);
      return ofWaypoint(gateway.key, {
        services: services.map((one) => one.chains),
        patches,
        added: [...patches, ...services.flatMap((one) => one.patches)],
        workloads:
          workloads === undefined || workloads.addresses.length === 0
            ? null
            : directChains(workloads.addresses, workloads, settingsOf(fetch)),
        mesh,
        families: fetch.get(facts, gateway.key)?.families ?? { v4: true, v6: false },
      });
    },
    SAME_VERSION,
  );
}

interface WaypointParts {
  readonly services: readonly ServiceChains[];
  readonly workloads: WorkloadChains | null;
  /** For everything that goes through the waypoint. */
  readonly patches: readonly EnvoyPatch[];
  /** With those for single services, whose clusters are there once for all. */
  readonly added: readonly EnvoyPatch[];
  readonly mesh: MeshSettings;
  readonly families: AddressFamilies;
}

function ofWaypoint(waypoint: string, parts: WaypointParts): readonly ProxyResource[] {
  const { services, workloads, patches, added, mesh, families } = parts;
  const listeners = [connectTerminate(mesh, families), mainInternal(services, workloads), connectOriginateListener()];
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
    ...(workloads === null
      ? []
      : [encodedRouteResource(waypoint, patchedRoutes(encodedDirectRoutes(), patches, null))]),
  ];
}

interface ServiceSurroundings {
  /** If names may be among them. */
  readonly endpoints: readonly ServiceEndpoint[];
  readonly backendTls: BackendTlsByPort;
}

const shownNothing = (tls: BackendTls | undefined): ClusterTls | undefined =>
  tls === undefined ? undefined : { tls, clientCertificate: null };

function ofService(
  attached: AttachedService,
  mesh: MeshSettings,
  { endpoints, backendTls }: ServiceSurroundings,
): readonly ProxyResource[] {
  const { claim, addresses, destinationRules } = attached;
  const service = vipServiceOf(claim, addresses);
  const patches = patchesOf(attached);
  return service.ports.flatMap((port) =>
    stacksOf(port).flatMap((stack) => [
      ...serviceClusters(attached.waypoint.key, service, port, {
        rules: destinationRules,
        nameOf: (subset) => vipName(service.hostname, port.number, stack, subset),
        stack,
        mesh,
        patches,
        attached: true,
        endpoints,
        backendTls: stack === 'http' ? shownNothing(backendTls[port.number]) : undefined,
      }),
      ...(stack === 'http'
        ? [
            encodedRouteResource(
              attached.waypoint.key,
              patchedRoutes(vipRoutes(attached, port, mesh), patches, port.number),
            ),
          ]
        : []),
    ]),
  );
}

function assignmentsOf(
  { waypoint, claim, destinationRules }: AttachedService,
  endpoints: readonly ServiceEndpoint[],
  clients: PlaceOfClients,
): readonly ProxyResource[] {
  return vipServiceOf(claim, []).ports.flatMap((port) =>
    stacksOf(port).flatMap((stack) =>
      serviceAssignments(waypoint.key, port.number, {
        rules: destinationRules,
        nameOf: (subset) => vipName(claim.hostname, port.number, stack, subset),
        endpoints,
        byPlace: { loadBalancing: claim.loadBalancing, ...clients },
      }),
    ),
  );
}

function encodedDirectRoutes(): EncodedRoutes {
  const routes = directRoutes();
  return { name: routes.name, body: RouteConfiguration.encode(routes).finish() };
}
