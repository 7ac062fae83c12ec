import type { Collection, FetchContext } from '@weft/collections';
import { objectMetaOf } from '@weft/mesh-api';
import {
  backendKey,
  serviceNameOf,
  type EnvoyPatch,
  type IngressGateway,
  type IngressListener,
  type IngressWaypoint,
  type MeshModel,
  type Referring,
  type RouteDestination,
  type RouteDestinations,
} from '@weft/mesh-model';
import { SECRET_TYPE_URL } from '@weft/xds';
import { Secret } from '@weft/xds/gen/envoy/extensions/transport_sockets/tls/v3/secret.js';
import { addedClusters } from '../patches/patched-clusters.js';
import { gatewayPatchesOf } from '../patches/patches-of.js';
import { providerLookup } from '../providers/provider-lookup.js';
import { outboundName } from '../routes/route-target.js';
import { chainSettings, type ChainSettings } from '../chains/chain-settings.js';
import { connectionFilters, requestFilters } from '../chains/request-filters.js';
import type { VipPort } from '../services/vip-service.js';
import { connectOriginateCluster, connectOriginateListener } from '../connections/connect-originate.js';
import { blackHoleCluster } from '../connections/inner-clusters.js';
import type { MeshSettings } from '../resources/mesh-settings.js';
import {
  clusterResource,
  encodedRouteResource,
  endpointResource,
  listenerResource,
  proxyResource,
  SAME_VERSION,
  type ProxyResource,
} from '../resources/proxy-resource.js';
import { proxyFacts, type ProxyFacts } from '../resources/proxy-facts.js';
import { ruleCredentials } from '../resources/rule-credentials.js';
import { foreignAssignments, foreignClusters, type ForeignService } from '../services/foreign-service.js';
import { endpointsOfService, namedEndpointsOfService } from '../services/service-assignments.js';
import { reports, spans } from '../telemetry/reports.js';
import { gatewayListeners } from './gateway-listeners.js';
import { clusterNames, onDemandClusters, type OnDemandClusters, type SleepingCluster } from './on-demand.js';
import { waypointEndpoints } from './waypoint-endpoints.js';

export interface GatewayResources {
  readonly resources: Collection<ProxyResource>;
  /** What is left out of them until somebody asks for it. */
  readonly sleeping: Collection<SleepingCluster>;
}

/** Everything that Envoys of gateways at the edge are told, derived from the model piece by piece. */
export function gatewayResources(model: MeshModel, mesh: MeshSettings): GatewayResources {
  const { graph, ingressGateways } = model;
  const lookup = providerLookup(model);
  const settingsOf = chainSettings(model, mesh, lookup);
  const facts = graph.derive('facts of proxies of gateways', ingressGateways, ({ key }, fetch) =>
    proxyFacts(key, model.proxyPlacesOf(fetch, key)),
  );
  // Kept apart, so that it stays the same object as long as nothing of it changes.
  const missing = graph.derive('clusters of gateways that may be missing', ingressGateways, (gateway, fetch) =>
    onDemandClusters(model, gateway, fetch),
  );
  const own = graph.deriveMany(
    'resources of gateways',
    ingressGateways,
    (gateway, fetch) =>
      ofGateway(gateway, {
        settings: settingsOf(fetch),
        mesh: lookup.meshAt(fetch, mesh),
        onDemand: fetch.get(missing, gateway.key) ?? NO_CLUSTERS,
        facts: fetch.get(facts, gateway.key) ?? proxyFacts(gateway.key, []),
      }),
    SAME_VERSION,
  );
  const services = graph.deriveMany(
    'services of gateways',
    ingressGateways,
    (gateway, fetch) => {
      const ofProviders = lookup.claimsFor(fetch).map((claim) => ({
        claim,
        destinationRules: model.destinationRulesAt(fetch, { waypoint: gateway, claim }),
      }));
      return servicesOf(gateway, ofProviders);
    },
    { key: ({ key }) => key },
  );
  const endpoints = endpointsOfService(model);
  const named = namedEndpointsOfService(model);
  const waypointOf = (fetch: FetchContext, { claim }: ForeignService) =>
    model.ingressWaypoints.waypointOf(fetch, claim);
  const sleeping = graph.deriveMany<ForeignService, SleepingCluster>(
    'clusters of gateways behind sleeping waypoints',
    services,
    (service, fetch) => {
      const waypoint = waypointOf(fetch, service)?.asleep ?? null;
      if (waypoint === null) return [];
      return clusterNames(service.claim).map((cluster) => ({ gateway: service.gateway, cluster, waypoint }));
    },
    { key: ({ gateway, cluster }) => `${gateway}|${cluster}` },
  );
  const resources = graph.union('resources of gateways and their services', [
    own,
    ruleCredentials(model, 'gateways', services),
    graph.deriveMany(
      'clusters of gateways',
      services,
      (service, fetch) => {
        const through = waypointOf(fetch, service);
        if (through === null) {
          const byPort = model.backendTlsOf(fetch, service.claim);
          const { clientCertificate } = service;
          const backendTls = ({ number }: VipPort) => byPort[number] && { tls: byPort[number], clientCertificate };
          return foreignClusters(service, named(fetch, service.claim), {
            mesh: lookup.meshAt(fetch, mesh),
            patches: service.patches,
            throughWaypoint: false,
            backendTls,
            undeclared: spokenBy(service),
          });
        }
        // What its owner asks for is done by the waypoint: it must not be done twice.
        const rules = through.mayBeAsleep ? [LETS_SLEEP] : [];
        if (through.asleep !== null) return [];
        return foreignClusters({ ...service, rules }, named(fetch, service.claim), {
          mesh: lookup.meshAt(fetch, mesh),
          patches: service.patches,
          throughWaypoint: true,
          backendTls: () => undefined,
          undeclared: spokenBy(service),
        });
      },
      SAME_VERSION,
    ),
    graph.deriveMany(
      'endpoints of gateways',
      services,
      (service, fetch) => {
        const through = waypointOf(fetch, service);
        if (through === null)
          return foreignAssignments(service, endpoints(fetch, service.claim), {
            places: () => model.proxyPlacesOf(fetch, service.gateway),
            mesh: lookup.meshAt(fetch, mesh),
          });
        return through.asleep === null ? throughWaypoint(service, through) : [];
      },
      SAME_VERSION,
    ),
  ]);
  return { resources, sleeping };
}

const NO_CLUSTERS: OnDemandClusters = new Set();

interface GatewaySurroundings {
  readonly settings: ChainSettings;
  readonly mesh: MeshSettings;
  readonly onDemand: OnDemandClusters;
  readonly facts: ProxyFacts;
}

function ofGateway(
  gateway: IngressGateway,
  { settings, mesh, onDemand, facts }: GatewaySurroundings,
): readonly ProxyResource[] {
  const { key, telemetries } = gateway;
  const reported = { telemetries, measured: { kind: 'gateway' as const, proxy: facts.measured } };
  const filters = {
    onDemand,
    families: facts.families,
    logs: {
      http: reports({ ...reported, protocol: 'http' }, settings),
      tcp: reports({ ...reported, protocol: 'tcp' }, settings),
    },
    tracing: spans(reported, gateway, settings),
    http: requestFilters(gateway, settings),
    tcp: connectionFilters(gateway.authorizationPolicies, settings),
  };
  const { listeners, routes } = gatewayListeners(gateway, filters, mesh);
  const clusters = [connectOriginateCluster(mesh), blackHoleCluster()];
  const added = addedClusters(
    gatewayPatchesOf(gateway),
    clusters.map(({ name }) => name),
  );
  return [
    ...[...clusters, ...added].map((one) => clusterResource(key, one)),
    ...secretsOf(gateway),
    ...[...listeners, connectOriginateListener()].map((one) => listenerResource(key, one)),
    ...routes.map((one) => encodedRouteResource(key, one)),
  ];
}

/** Only what its listeners use: nobody else's proxies are sent these. */
function secretsOf({ key, listeners, servers, clientCertificate }: IngressGateway): readonly ProxyResource[] {
  const certificates = [
    ...listeners.flatMap((one) => one.certificates ?? []),
    ...servers.flatMap(({ credentials }) => credentials.certificates),
    ...(clientCertificate ? [clientCertificate] : []),
  ];
  const used = new Map(certificates.map((one) => [one.name, one] as const));
  const roots = new Map(
    servers.flatMap(({ credentials: { rootsName, roots: found } }) =>
      rootsName !== null && found?.roots ? [[rootsName, found] as const] : [],
    ),
  );
  const inline = (text: string) => ({ specifier: { $case: 'inlineString' as const, value: text } });
  const secrets = [
    ...[...used.values()].map(({ name, certificate }) => {
      const value = { certificateChain: inline(certificate.chain), privateKey: inline(certificate.key) };
      return Secret.fromPartial({ name, type: { $case: 'tlsCertificate', value } });
    }),
    ...[...roots].map(([name, { roots: pem, crl }]) => {
      const value = { trustedCa: inline(pem ?? ''), ...(crl === null ? {} : { crl: inline(crl) }) };
      return Secret.fromPartial({ name, type: { $case: 'validationContext', value } });
    }),
  ];
  return secrets.map((secret) => proxyResource(key, SECRET_TYPE_URL, secret.name, Secret.encode(secret).finish()));
}

const throughWaypoint = ({ gateway, claim }: ForeignService, through: IngressWaypoint): readonly ProxyResource[] =>
  claim.ports.map(({ servicePort }) => {
    const name = outboundName(claim.hostname, servicePort);
    return endpointResource(gateway, waypointEndpoints(name, servicePort, through));
  });

const IDLE_MS = 10_000;

/** A connection that is kept for later requests would keep the waypoint at its other end awake. */
const LETS_SLEEP: ForeignService['rules'][number] = {
  meta: objectMetaOf({}),
  spec: {
    host: '*',
    exportTo: [],
    subsets: [],
    trafficPolicy: { portLevelSettings: [], connectionPool: { http: { idleTimeout: IDLE_MS } } },
  },
};

type UsedService = Pick<Extract<RouteDestination, { kind: 'service' }>, 'claim' | 'destinationRules'>;

/** Of a gateway, which shows a certificate where TLS is asked for. */
interface GatewayService extends ForeignService {
  readonly patches: readonly EnvoyPatch[];
  readonly clientCertificate: string | null;
  /** Ports that GRPCRoutes send to. */
  readonly calledPorts: readonly number[];
}

/**
 * Where a port declares no protocol, HTTP/1.1, which every server of requests speaks: clients of a gateway agree on HTTP/2 with the
 * gateway, and that says nothing of the server behind it. Where it is called, HTTP/2.
 */
const spokenBy =
  ({ calledPorts }: GatewayService) =>
  ({ number }: VipPort) =>
    calledPorts.includes(number) ? 'http2' : 'http';

/** What its routes send to, and what its filters ask. */
function servicesOf(ingress: IngressGateway, others: readonly UsedService[]): readonly GatewayService[] {
  const { key: gateway, destinations, listeners, clientCertificate } = ingress;
  const patches = gatewayPatchesOf(ingress).filter(({ applyTo }) => applyTo === 'CLUSTER');
  const routed = Object.values(destinations).flatMap((one) => (one.kind === 'service' ? [one] : []));
  const encrypted = encryptedServices(listeners, destinations);
  const called = calledServices(listeners, destinations);
  const certificate = clientCertificate?.name ?? null;
  const found = [...routed, ...others].map(({ claim, destinationRules: rules }): [string, GatewayService] => {
    const service = serviceNameOf(claim);
    const key = `${gateway}|${service}`;
    const passthrough = encrypted.has(service);
    const calledPorts = called.flatMap(([name, port]) => (name === service ? [port] : []));
    return [key, { key, gateway, claim, rules, passthrough, patches, clientCertificate: certificate, calledPorts }];
  });
  return [...new Map(found).values()];
}

/** Those that listeners send connections to without ending their TLS. */
function encryptedServices(
  listeners: readonly IngressListener[],
  destinations: RouteDestinations,
): ReadonlySet<string> {
  const routes = listeners.flatMap(({ certificates, tlsRoutes }) => (certificates === null ? tlsRoutes : []));
  return new Set(backendsOf('TLSRoute', routes, destinations).map(([service]) => service));
}

/** Services and ports that GRPCRoutes send to. */
const calledServices = (listeners: readonly IngressListener[], destinations: RouteDestinations) =>
  backendsOf(
    'GRPCRoute',
    listeners.flatMap(({ grpcRoutes }) => grpcRoutes),
    destinations,
  );

function backendsOf(
  kind: Referring['kind'],
  routes: IngressListener['tlsRoutes'] | IngressListener['grpcRoutes'],
  destinations: RouteDestinations,
): readonly (readonly [service: string, port: number])[] {
  return routes.flatMap(({ meta: { namespace }, spec: { rules } }) =>
    rules.flatMap(({ backendRefs }) =>
      backendRefs.flatMap((ref) => {
        const found = destinations[backendKey(ref, { kind, namespace })];
        return found?.kind === 'service' ? [[serviceNameOf(found.claim), ref.port ?? 0] as const] : [];
      }),
    ),
  );
}
