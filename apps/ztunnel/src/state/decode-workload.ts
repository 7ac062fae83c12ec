import { ipFromBytes, type IpAddress } from '@weft/ip';
import { err, ok, type Result } from '@weft/result';
import { parseSpiffeId } from '@weft/spiffe';
import {
  ApplicationTunnel_Protocol,
  NetworkMode,
  TunnelProtocol,
  WorkloadStatus,
  WorkloadType,
  type Port,
  type Workload as WorkloadMessage,
} from '@weft/xds/gen/mesh/workload/workload.js';
import { decodeGateway } from './decode-gateway.js';
import { sharedText } from './shared-text.js';
import { identityOf, type Locality, type PortMap, type Workload } from './workload.js';

const NO_POLICIES: Workload['authorizationPolicies'] = [];
const NO_SERVICES: Workload['services'] = new Map();
const NOWHERE: Locality = { region: '', zone: '', subzone: '' };

const PROTOCOLS: Readonly<Record<number, Workload['protocol']>> = {
  [TunnelProtocol.NONE]: 'TCP',
  [TunnelProtocol.HBONE]: 'HBONE',
};
const TYPES: Readonly<Record<number, Workload['workloadType']>> = {
  [WorkloadType.DEPLOYMENT]: 'deployment',
  [WorkloadType.CRONJOB]: 'cronjob',
  [WorkloadType.POD]: 'pod',
  [WorkloadType.JOB]: 'job',
};
const HEALTH: Readonly<Record<number, boolean>> = { [WorkloadStatus.HEALTHY]: true, [WorkloadStatus.UNHEALTHY]: false };
const HOST_NETWORK: Readonly<Record<number, boolean>> = {
  [NetworkMode.STANDARD]: false,
  [NetworkMode.HOST_NETWORK]: true,
};
const APPLICATION_TUNNELS: Readonly<Record<number, 'NONE' | 'PROXY'>> = {
  [ApplicationTunnel_Protocol.NONE]: 'NONE',
  [ApplicationTunnel_Protocol.PROXY]: 'PROXY',
};

/**
 * Reads an `istio.workload.Workload`: fills in the defaults and refuses what it cannot represent. The error names the field
 * and becomes the resource's line in the NACK.
 */
export function decodeWorkload(message: WorkloadMessage): Result<Workload, string> {
  const problems: string[] = [];
  const take = <T>(result: Result<T, string>): T | null => {
    if (result.ok) return result.value;
    problems.push(result.error);
    return null;
  };
  const known = <T>(field: string, table: Readonly<Record<number, T>>, value: number, fallback: T): T => {
    const found = table[value];
    if (found === undefined) problems.push(`unknown ${field} ${value}`);
    return found ?? fallback;
  };
  const tunnel = message.applicationTunnel;
  const workload: Workload = {
    uid: message.uid,
    name: message.name,
    namespace: sharedText(message.namespace),
    addresses: take(decodeAddresses(message.addresses)) ?? [],
    network: sharedText(message.network),
    protocol: known('tunnel_protocol', PROTOCOLS, message.tunnelProtocol, 'TCP'),
    trustDomain: message.trustDomain === '' ? 'cluster.local' : sharedText(message.trustDomain),
    serviceAccount: message.serviceAccount === '' ? 'default' : sharedText(message.serviceAccount),
    waypoint: message.waypoint === undefined ? null : take(decodeGateway('waypoint', message.waypoint)),
    networkGateway:
      message.networkGateway === undefined ? null : take(decodeGateway('network_gateway', message.networkGateway)),
    node: sharedText(message.node),
    canonicalName: sharedText(message.canonicalName),
    canonicalRevision: sharedText(message.canonicalRevision),
    workloadType: known('workload_type', TYPES, message.workloadType, 'pod'),
    workloadName: sharedText(message.workloadName),
    nativeTunnel: message.nativeTunnel,
    authorizationPolicies:
      message.authorizationPolicies.length === 0 ? NO_POLICIES : message.authorizationPolicies.map(sharedText),
    healthy: known('status', HEALTH, message.status, false),
    clusterId: message.clusterId === '' ? 'Kubernetes' : sharedText(message.clusterId),
    hostname: message.hostname,
    services: servicesOf(message),
    applicationTunnel:
      tunnel === undefined
        ? null
        : {
            protocol: known('application_tunnel.protocol', APPLICATION_TUNNELS, tunnel.protocol, 'NONE'),
            port: tunnel.port === 0 ? null : tunnel.port,
          },
    locality: localityOf(message),
    hostNetwork: known('network_mode', HOST_NETWORK, message.networkMode, false),
    capacity: message.capacity ?? 1,
  };
  if (workload.uid === '') problems.push('uid is empty');
  const identity = parseSpiffeId(identityOf(workload));
  if (!identity.ok) problems.push(identity.error.message);
  return problems.length > 0 ? err(problems.join(', ')) : ok(workload);
}

/** Nothing is what most workloads have; an empty map of its own would cost each of them as much as its other fields together. */
function servicesOf({ services }: WorkloadMessage): Workload['services'] {
  const entries = Object.entries(services);
  return entries.length === 0
    ? NO_SERVICES
    : new Map(entries.map(([key, { ports }]) => [sharedText(key), portMap(ports)]));
}

function localityOf({ locality }: WorkloadMessage): Locality {
  if (locality === undefined) return NOWHERE;
  const { region, zone, subzone } = locality;
  return { region: sharedText(region), zone: sharedText(zone), subzone: sharedText(subzone) };
}

export function portMap(ports: readonly Port[]): PortMap {
  return new Map(ports.map(({ servicePort, targetPort }) => [servicePort, targetPort]));
}

function decodeAddresses(addresses: readonly Uint8Array[]): Result<readonly IpAddress[], string> {
  // An array that grows has room for sixteen more.
  const decoded = addresses.map((bytes) => ipFromBytes(bytes));
  const wrong = decoded.indexOf(null);
  if (wrong >= 0) return err(`an address has ${addresses[wrong]!.length} bytes, want 4 or 16`);
  return ok(decoded as IpAddress[]);
}
