import { parseIp, type IpAddress } from '@weft/ip';
import { GATEWAYS, LABEL_WAYPOINT_FOR, type Listener } from '@weft/mesh-api';
import type { GatewayAddress } from '@weft/xds/gen/mesh/workload/workload.js';

export const WAYPOINT_CLASS = 'istio-waypoint';
export const HBONE_PORT = 15_008;

export type WaypointTraffic = 'service' | 'workload';

/** A Gateway of class `istio-waypoint`, or of another class of its controller. */
export interface WaypointGateway {
  /** `<namespace>/<name>`. */
  readonly key: string;
  readonly namespace: string;
  readonly name: string;
  readonly className: string;
  /** Null until whoever runs it has published where it is. */
  readonly address: GatewayAddress | null;
  readonly traffic: readonly WaypointTraffic[];
  /** Of the namespaces that may use it. */
  readonly allowed: NonNullable<Listener['allowedRoutes']['namespaces']>;
}

const TRAFFIC: Readonly<Record<string, readonly WaypointTraffic[]>> = {
  service: ['service'],
  workload: ['workload'],
  all: ['service', 'workload'],
  none: [],
};

/** Null for a Gateway that is no waypoint. The class that every mesh has needs no GatewayClass. */
export function waypointGatewayOf(
  object: unknown,
  network: string,
  isWaypointClass: (name: string) => boolean,
): WaypointGateway | null {
  const { meta, spec } = GATEWAYS.parse(object);
  if (spec === null) return null;
  const { gatewayClassName: className } = spec;
  if (className !== WAYPOINT_CLASS && !isWaypointClass(className)) return null;
  const listener = spec.listeners.find(({ port }) => port === HBONE_PORT) ?? spec.listeners[0];
  return {
    key: `${meta.namespace}/${meta.name}`,
    namespace: meta.namespace,
    name: meta.name,
    className,
    address: addressOf(object, meta.namespace, network),
    traffic: TRAFFIC[meta.labels[LABEL_WAYPOINT_FOR] ?? 'service'] ?? ['service'],
    allowed: listener?.allowedRoutes.namespaces ?? { from: 'Same' },
  };
}

/** The address that a waypoint has when the Service of its name in its namespace leads to it. */
export function serviceAddress(
  { namespace, name }: { readonly namespace: string; readonly name: string },
  clusterDomain: string,
): GatewayAddress {
  return gatewayAddress(null, { namespace, hostname: `${name}.${namespace}.svc.${clusterDomain}`, network: '' });
}

/** The first of `status.addresses`; a host name is a Service in the namespace of the Gateway. */
function addressOf(object: unknown, namespace: string, network: string): GatewayAddress | null {
  const addresses = (object as { status?: { addresses?: unknown } } | null)?.status?.addresses;
  for (const item of Array.isArray(addresses) ? (addresses as unknown[]) : []) {
    const { type, value } = (item ?? {}) as { type?: unknown; value?: unknown };
    if (typeof value !== 'string') continue;
    const ip = type === 'Hostname' ? null : parseIp(value);
    if (type === 'Hostname' || ip !== null) return gatewayAddress(ip, { namespace, hostname: value, network });
  }
  return null;
}

function gatewayAddress(
  ip: IpAddress | null,
  { namespace, hostname, network }: { readonly namespace: string; readonly hostname: string; readonly network: string },
): GatewayAddress {
  const $type = 'istio.workload.GatewayAddress';
  if (ip === null) {
    const value = { $type: 'istio.workload.NamespacedHostname' as const, namespace, hostname };
    return { $type, destination: { $case: 'hostname', value }, hboneMtlsPort: HBONE_PORT };
  }
  const value = {
    $type: 'istio.workload.NetworkAddress' as const,
    network,
    address: Buffer.from(ip.bytes),
    length: undefined,
  };
  return { $type, destination: { $case: 'address', value }, hboneMtlsPort: HBONE_PORT };
}
