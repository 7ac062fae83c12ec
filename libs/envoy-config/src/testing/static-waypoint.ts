import { CLUSTER_TYPE_URL, ENDPOINT_TYPE_URL, EXTENSION_TYPE_URL, LISTENER_TYPE_URL, ROUTE_TYPE_URL } from '@weft/xds';
import { Cluster, Cluster_DiscoveryType } from '@weft/xds/gen/envoy/config/cluster/v3/cluster.js';
import { ClusterLoadAssignment } from '@weft/xds/gen/envoy/config/endpoint/v3/endpoint.js';
import { Listener } from '@weft/xds/gen/envoy/config/listener/v3/listener.js';
import { TypedExtensionConfig } from '@weft/xds/gen/envoy/config/core/v3/extension.js';
import type { Filter } from '@weft/xds/gen/envoy/config/listener/v3/listener_components.js';
import { RouteConfiguration } from '@weft/xds/gen/envoy/config/route/v3/route.js';
import { Config as SetFilterState } from '@weft/xds/gen/envoy/extensions/filters/http/set_filter_state/v3/set_filter_state.js';
import {
  HttpConnectionManager,
  type HttpFilter,
} from '@weft/xds/gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager.js';
import { Resource } from '@weft/xds/gen/envoy/service/discovery/v3/discovery.js';
import { socketAddress } from '../messages/address.js';
import { packAny } from '../messages/any.js';
import type { ProxyResource } from '../resources/proxy-resource.js';

/** Ports on the loopback address by `<host>:<port>` of the service. */
export type Backends = Readonly<Record<string, number>>;

const HCM = 'envoy.filters.network.http_connection_manager';

/** The resources of a waypoint as a static configuration that needs neither a control plane nor certificates. */
export function staticWaypoint(resources: readonly ProxyResource[], backends: Backends) {
  const decoded = <T>(typeUrl: string, decode: (bytes: Uint8Array) => T): readonly T[] =>
    resources
      .filter((one) => one.typeUrl === typeUrl)
      .map(({ resource }) => decode(Resource.decode(resource.encoded).resource!.value));
  const routes = new Map(
    decoded(ROUTE_TYPE_URL, (bytes) => RouteConfiguration.decode(bytes)).map((one) => [one.name, one]),
  );
  const assignments = new Map(
    decoded(ENDPOINT_TYPE_URL, (bytes) => ClusterLoadAssignment.decode(bytes)).map((one) => [one.clusterName, one]),
  );
  const extensions = new Map(
    decoded(EXTENSION_TYPE_URL, (bytes) => TypedExtensionConfig.decode(bytes)).map((one) => [one.name, one]),
  );
  return {
    clusters: decoded(CLUSTER_TYPE_URL, (bytes) => Cluster.decode(bytes))
      .filter(({ name }) => name !== 'connect_originate')
      .map((cluster) => staticCluster(cluster, assignments.get(cluster.name), backends)),
    listeners: decoded(LISTENER_TYPE_URL, (bytes) => Listener.decode(bytes))
      .filter(({ name }) => name !== 'connect_originate')
      .map((listener) => staticListener(listener, { routes, extensions })),
  };
}

/** `inbound-vip|80|http/v1|host` and `outbound|80|v1|host`. */
function portOf(name: string, backends: Backends): number | undefined {
  const [, port, , host] = name.split('|');
  return backends[`${host}:${port}`];
}

function staticCluster(cluster: Cluster, assignment: ClusterLoadAssignment | undefined, backends: Backends): Cluster {
  if (
    cluster.clusterDiscoveryType?.$case !== 'type' ||
    cluster.clusterDiscoveryType.value !== Cluster_DiscoveryType.EDS
  )
    return cluster;
  const port = portOf(cluster.name, backends);
  const endpoints = port === undefined ? [] : endpointsAt(assignment, port);
  return Cluster.fromPartial({
    ...cluster,
    edsClusterConfig: undefined,
    transportSocket: undefined,
    clusterDiscoveryType: { $case: 'type', value: Cluster_DiscoveryType.STATIC },
    loadAssignment: { clusterName: cluster.name, endpoints },
  });
}

/** With the metadata of the first endpoint. */
function endpointsAt(assignment: ClusterLoadAssignment | undefined, port: number) {
  const metadata = assignment?.endpoints[0]?.lbEndpoints[0]?.metadata;
  const value = { address: socketAddress('127.0.0.1', port) };
  return [
    {
      lbEndpoints: [
        { hostIdentifier: { $case: 'endpoint' as const, value }, ...(metadata === undefined ? {} : { metadata }) },
      ],
    },
  ];
}

/** What comes by name. */
interface Named {
  readonly routes: ReadonlyMap<string, RouteConfiguration>;
  readonly extensions: ReadonlyMap<string, TypedExtensionConfig>;
}

function staticListener(listener: Listener, named: Named): Listener {
  return Listener.fromPartial({
    ...listener,
    ...(listener.address === undefined ? {} : { address: socketAddress('127.0.0.1', 0) }),
    filterChains: listener.filterChains.map((chain) => ({
      ...chain,
      transportSocket: undefined,
      filters: chain.filters.map((one) => staticFilter(found(one, named), named)),
    })),
  });
}

/** With its configuration in place, if that comes by name. */
function found<F extends Pick<Filter | HttpFilter, 'name' | 'configType'>>(filter: F, { extensions }: Named): F {
  const value = extensions.get(filter.name)?.typedConfig;
  if (filter.configType?.$case !== 'configDiscovery' || value === undefined) return filter;
  return { ...filter, configType: { $case: 'typedConfig', value } };
}

function staticFilter(filter: Filter, named: Named): Filter {
  if (filter.name !== HCM || filter.configType?.$case !== 'typedConfig') return filter;
  const manager = HttpConnectionManager.decode(filter.configType.value.value);
  const inline =
    manager.routeSpecifier?.$case === 'rds'
      ? { $case: 'routeConfig' as const, value: named.routes.get(manager.routeSpecifier.value.routeConfigName)! }
      : manager.routeSpecifier;
  const changed = {
    ...manager,
    ...(inline === undefined ? {} : { routeSpecifier: inline }),
    httpFilters: manager.httpFilters
      .map((each) => found(each, named))
      .map((one) =>
        one.name === 'connect_authority' && one.configType?.$case === 'typedConfig'
          ? { ...one, configType: { $case: 'typedConfig' as const, value: fromHeaders(one.configType.value.value) } }
          : one,
      ),
  };
  return {
    ...filter,
    configType: {
      $case: 'typedConfig',
      value: { ...filter.configType.value, ...packAny(HttpConnectionManager, changed) },
    },
  };
}

const IN_PLACE: Readonly<Record<string, string>> = {
  '%DOWNSTREAM_PEER_URI_SAN%': '%REQ(x-test-peer)%',
  '%DOWNSTREAM_LOCAL_URI_SAN%': 'spiffe://cluster.local/ns/shop/sa/wp',
  '%DOWNSTREAM_REMOTE_ADDRESS%': '%REQ(x-test-source)%',
};

/** What TLS and the address of the client would tell comes from headers of the CONNECT. */
function fromHeaders(bytes: Uint8Array) {
  const config = SetFilterState.toJSON(SetFilterState.decode(bytes));
  const text = Object.entries(IN_PLACE).reduce((all, [from, to]) => all.replaceAll(from, to), JSON.stringify(config));
  const packed = packAny(SetFilterState, SetFilterState.fromJSON(JSON.parse(text)));
  return { $type: 'google.protobuf.Any' as const, ...packed, value: Buffer.from(packed.value) };
}
