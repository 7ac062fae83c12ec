import type { Collection, CollectionIndex, FetchContext, Graph } from '@weft/collections';
import { LABEL_GATEWAY_NAME, parseServiceEntry, selectorMatches, type ServiceEntry } from '@weft/mesh-api';
import type { Service } from '@weft/xds/gen/mesh/workload/workload.js';
import { claimOfService } from './claims-of-service.js';
import { automaticAddressesOf, type AutomaticAddresses } from './addresses/automatic-addresses.js';
import { claimsOfServiceEntry } from './claims-of-service-entry.js';
import { automaticRangesOf, type MeshModelConfig } from './mesh-model-config.js';
import type { MeshSources } from './mesh-sources.js';
import { labelKeys, selectorKeys } from './selector-keys.js';
import { addressKeyOf, firstClaim, serviceNameOf, type ServiceClaim } from './service-claim.js';
import { serviceMessage } from './service-message.js';
import type { SurroundingsCollections } from './surroundings-collections.js';
import { waypointAddressOf, type WaypointBinding, type WaypointBindings } from './waypoints/waypoint-bindings.js';

/** A claim that a competitor beat. */
export interface LostClaim {
  /** The hostname, or the address keys. */
  readonly lost: string;
  readonly winner: string;
}

export interface ServiceState {
  readonly claim: ServiceClaim;
  readonly message: Service;
  readonly lost: readonly LostClaim[];
  /** Null: no waypoint was asked for. */
  readonly waypoint: WaypointBinding | null;
}

export interface ServiceCollections {
  readonly parsedEntries: Collection<ServiceEntry & { readonly automatic: AutomaticAddresses }>;
  /** Every claim, by claim key. */
  readonly claims: Collection<ServiceClaim>;
  /** The winner of each `<namespace>/<hostname>`. */
  readonly winners: Collection<ServiceClaim>;
  readonly services: Collection<ServiceState>;
  /** Winners whose selector takes in these labels. */
  selecting(fetch: FetchContext, namespace: string, labels: Readonly<Record<string, string>>): readonly ServiceClaim[];
}

export function serviceCollections(
  graph: Graph,
  sources: MeshSources,
  surroundings: SurroundingsCollections,
  bindings: WaypointBindings,
  config: MeshModelConfig,
): ServiceCollections {
  const around = (fetch: FetchContext, namespace: string) => ({
    network: surroundings.networkOf(fetch),
    clusterDomain: config.clusterDomain,
    namespaceTrafficDistribution: surroundings.trafficDistributionOf(fetch, namespace),
  });
  const parsedEntries = graph.derive('parsed service entries', sources.serviceEntries, (object) => {
    const entry = parseServiceEntry(object);
    return { ...entry, automatic: automaticAddressesOf(entry, object, automaticRangesOf(config)) };
  });
  const key = (claim: ServiceClaim): string => claim.key;
  const fromServices = graph.deriveMany(
    'claims of services',
    sources.services,
    (service, fetch) => {
      const claim = claimOfService(service, around(fetch, service.metadata?.namespace ?? ''));
      return claim === null ? [] : [claim];
    },
    { key },
  );
  const fromEntries = graph.deriveMany(
    'claims of service entries',
    parsedEntries,
    (entry, fetch) => claimsOfServiceEntry(entry, around(fetch, entry.meta.namespace), entry.automatic.held),
    { key },
  );
  const claims = graph.union('claims', [fromServices, fromEntries]);
  const byName = graph.group('claims by name', claims, (claim) => [serviceNameOf(claim)]);
  const winners = graph.derive('service winners', byName, ({ members }) => firstClaim(members), { equals: Object.is });
  const bySelector = graph.index('services by selector', winners, ({ meta, selector }) =>
    selectorKeys(meta.namespace, selector ?? {}),
  );
  return {
    parsedEntries,
    claims,
    winners,
    services: serviceStates(graph, winners, bindings),
    selecting: (fetch, namespace, labels) => selecting(fetch, bySelector, namespace, labels),
  };
}

function serviceStates(
  graph: Graph,
  winners: Collection<ServiceClaim>,
  bindings: WaypointBindings,
): Collection<ServiceState> {
  const byAddress = graph.index('services by address', winners, ({ addresses }) => addresses.map(addressKeyOf));
  const byHostname = graph.index('services by hostname', winners, ({ hostname }) => [hostname]);
  return graph.derive('service states', winners, (claim, fetch) => {
    const lost: LostClaim[] = [];
    for (const address of claim.addresses.map(addressKeyOf)) {
      const holder = firstClaim(fetch.lookup(byAddress, address));
      if (holder !== undefined && holder !== claim) lost.push({ lost: address, winner: holder.key });
    }
    const canonical = firstClaim(fetch.lookup(byHostname, claim.hostname)) === claim;
    const lostAddresses = new Set(lost.map((one) => one.lost));
    const binding = bindingOfService(fetch, bindings, claim);
    return {
      claim,
      message: serviceMessage(claim, { lostAddresses, canonical, waypoint: waypointAddressOf(binding) }),
      lost,
      waypoint: binding,
    };
  });
}

/** The services of waypoints and gateways have none: what goes to them is for them. */
function bindingOfService(
  fetch: FetchContext,
  bindings: WaypointBindings,
  { meta: { namespace }, labels }: ServiceClaim,
): WaypointBinding | null {
  if (LABEL_GATEWAY_NAME in labels) return null;
  return bindings.bindingOf(fetch, { namespace, labels, traffic: 'service' });
}

function selecting(
  fetch: FetchContext,
  bySelector: CollectionIndex<ServiceClaim>,
  namespace: string,
  labels: Readonly<Record<string, string>>,
): readonly ServiceClaim[] {
  return labelKeys(namespace, labels)
    .flatMap((indexKey) => fetch.lookup(bySelector, indexKey))
    .filter(({ selector }) => selector !== null && selectorMatches(selector, labels));
}
