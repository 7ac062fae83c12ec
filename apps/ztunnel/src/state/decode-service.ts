import { cidrOf, ipFromBytes } from '@weft/ip';
import { ACTIVATION_EXTENSION } from '@weft/xds';
import { err, ok, type Result } from '@weft/result';
import {
  IPFamilies,
  LoadBalancing_HealthPolicy,
  LoadBalancing_Mode,
  LoadBalancing_Scope,
  Service_Visibility,
  type LoadBalancing as LoadBalancingMessage,
  type NetworkAddress,
  type Service as ServiceMessage,
} from '@weft/xds/gen/mesh/workload/workload.js';
import { decodeGateway } from './decode-gateway.js';
import { portMap } from './decode-workload.js';
import type { LoadBalancing, RoutingScope, Service } from './service.js';

const MODES: Readonly<Record<number, LoadBalancing['mode']>> = {
  [LoadBalancing_Mode.UNSPECIFIED_MODE]: 'STANDARD',
  [LoadBalancing_Mode.STRICT]: 'STRICT',
  [LoadBalancing_Mode.FAILOVER]: 'FAILOVER',
  [LoadBalancing_Mode.PASSTHROUGH]: 'PASSTHROUGH',
};
const SCOPES: Readonly<Record<number, RoutingScope>> = {
  [LoadBalancing_Scope.REGION]: 'REGION',
  [LoadBalancing_Scope.ZONE]: 'ZONE',
  [LoadBalancing_Scope.SUBZONE]: 'SUBZONE',
  [LoadBalancing_Scope.NODE]: 'NODE',
  [LoadBalancing_Scope.CLUSTER]: 'CLUSTER',
  [LoadBalancing_Scope.NETWORK]: 'NETWORK',
};
const ALLOW_UNHEALTHY: Readonly<Record<number, boolean>> = {
  [LoadBalancing_HealthPolicy.ONLY_HEALTHY]: false,
  [LoadBalancing_HealthPolicy.ALLOW_ALL]: true,
};
const FAMILIES: Readonly<Record<number, Service['ipFamilies']>> = {
  [IPFamilies.AUTOMATIC]: 'AUTOMATIC',
  [IPFamilies.IPV4_ONLY]: 'IPV4_ONLY',
  [IPFamilies.IPV6_ONLY]: 'IPV6_ONLY',
  [IPFamilies.DUAL]: 'DUAL',
};
const STANDARD: LoadBalancing = { mode: 'STANDARD', preferences: [], allowUnhealthy: false };

/** Reads an `istio.workload.Service`; the error names the field and becomes the resource's line in the NACK. */
export function decodeService(message: ServiceMessage): Result<Service, string> {
  const vips = decodeVips(message.addresses);
  if (!vips.ok) return vips;
  const loadBalancing = message.loadBalancing === undefined ? ok(STANDARD) : decodeLoadBalancing(message.loadBalancing);
  if (!loadBalancing.ok) return loadBalancing;
  const waypoint = message.waypoint === undefined ? ok(null) : decodeGateway('waypoint', message.waypoint);
  if (!waypoint.ok) return waypoint;
  const weighted = decodeWeightedWaypoints(message);
  if (!weighted.ok) return weighted;
  const ipFamilies = FAMILIES[message.ipFamilies];
  if (ipFamilies === undefined) return err(`unknown ip_families ${message.ipFamilies}`);
  const { name, namespace, hostname } = message;
  if (namespace === '' || hostname === '') return err('namespace and hostname must not be empty');
  return ok({
    key: `${namespace}/${hostname}`,
    name,
    namespace,
    hostname,
    ...vips.value,
    ports: portMap(message.ports),
    subjectAltNames: message.subjectAltNames,
    waypoint: waypoint.value,
    weightedWaypoints: weighted.value,
    loadBalancing: loadBalancing.value,
    ipFamilies,
    activatable: message.extensions.some((extension) => extension.name === ACTIVATION_EXTENSION),
    canonical: message.canonical,
    // Unknown visibility counts as public, unlike every other enum.
    namespacePrivate: message.visibility === Service_Visibility.NAMESPACE,
  });
}

function decodeVips(addresses: readonly NetworkAddress[]): Result<Pick<Service, 'vips' | 'cidrVips'>, string> {
  const vips: Service['vips'][number][] = [];
  const cidrVips: Service['cidrVips'][number][] = [];
  for (const { network, address, length } of addresses) {
    const ip = ipFromBytes(address);
    if (ip === null) return err(`a virtual address has ${address.length} bytes, want 4 or 16`);
    if (length === undefined) {
      vips.push({ network, ip });
      continue;
    }
    const cidr = cidrOf(ip, length);
    if (cidr === null) return err(`prefix length ${length} does not fit the virtual address ${ip.text}`);
    cidrVips.push({ network, cidr });
  }
  return ok({ vips, cidrVips });
}

function decodeLoadBalancing(message: LoadBalancingMessage): Result<LoadBalancing, string> {
  const mode = MODES[message.mode];
  if (mode === undefined) return err(`unknown load_balancing.mode ${message.mode}`);
  const allowUnhealthy = ALLOW_UNHEALTHY[message.healthPolicy];
  if (allowUnhealthy === undefined) return err(`unknown load_balancing.health_policy ${message.healthPolicy}`);
  const preferences: RoutingScope[] = [];
  for (const value of message.routingPreference) {
    const scope = SCOPES[value];
    if (scope === undefined) return err(`unusable load_balancing.routing_preference ${value}`);
    preferences.push(scope);
  }
  return ok({ mode, preferences, allowUnhealthy });
}

function decodeWeightedWaypoints(message: ServiceMessage): Result<Service['weightedWaypoints'], string> {
  const decoded: Service['weightedWaypoints'][number][] = [];
  for (const { destination, weight } of message.weightedWaypoints) {
    if (destination === undefined) return err('a weighted waypoint has no destination');
    const gateway = decodeGateway('weighted_waypoints', destination);
    if (!gateway.ok) return gateway;
    decoded.push({ destination: gateway.value, weight });
  }
  return ok(decoded);
}
