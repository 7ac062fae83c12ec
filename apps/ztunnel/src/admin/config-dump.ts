import { ipFromBytes } from '@weft/ip';
import type { CompiledPolicy } from '@weft/policy';
import { splitPemCertificates, summarizeCertificate, type SecretState } from '@weft/spiffe';
import type { Match, StringMatch } from '@weft/xds/gen/mesh/security/authorization.js';
import type { OpenConnection } from '../connections/worker-connections.js';
import type { Pod } from '../pods/pod-registry.js';
import type { Endpoint } from '../state/mesh-view.js';
import type { MeshState } from '../state/mesh-state.js';
import type { Service } from '../state/service.js';
import type { GatewayAddress, PortMap, Workload } from '../state/workload.js';

export interface DumpSources {
  readonly state: MeshState;
  readonly pods: Iterable<Pod>;
  readonly connections: Iterable<OpenConnection>;
  readonly certificates: ReadonlyMap<string, SecretState>;
  readonly config: unknown;
  readonly staticConfig: unknown;
  readonly version: string;
}

/** `/config_dump` in the shape that `istioctl ztunnel-config` reads. Private keys are never in it. */
export function configDump({
  state,
  pods,
  connections,
  certificates,
  config,
  staticConfig,
  version,
}: DumpSources): unknown {
  return {
    workloads: [...state.workloads()].map(workloadJson),
    services: [...state.services()].map((service) => serviceJson(service, state.endpoints(service))),
    policies: [...state.policies()].map(policyJson),
    stagedServices: Object.fromEntries(
      [...state.stagedEndpoints()].map(([key, endpoints]) => [key, endpointsJson(endpoints)]),
    ),
    certificates: [...certificates]
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([identity, secret]) => certificateJson(identity, secret)),
    workloadState: workloadStateJson(pods, connections),
    staticConfig,
    version: { version },
    config,
  };
}

function workloadJson(it: Workload): unknown {
  return sparse({
    workloadIps: it.addresses.map(({ text }) => text),
    waypoint: gatewayJson(it.waypoint),
    networkGateway: gatewayJson(it.networkGateway),
    protocol: it.protocol,
    networkMode: it.hostNetwork ? 'HostNetwork' : 'Standard',
    uid: it.uid,
    name: it.name,
    namespace: it.namespace,
    trustDomain: it.trustDomain,
    serviceAccount: it.serviceAccount,
    network: it.network,
    workloadName: it.workloadName,
    workloadType: it.workloadType,
    canonicalName: it.canonicalName,
    canonicalRevision: it.canonicalRevision,
    hostname: it.hostname,
    node: it.node,
    nativeTunnel: it.nativeTunnel || undefined,
    applicationTunnel:
      it.applicationTunnel === null
        ? undefined
        : sparse({ ...it.applicationTunnel, port: it.applicationTunnel.port ?? undefined }),
    authorizationPolicies: it.authorizationPolicies,
    status: it.healthy ? 'Healthy' : 'Unhealthy',
    clusterId: it.clusterId,
    locality: sparse({ ...it.locality }),
    services: [...it.services.keys()],
    capacity: it.capacity,
  });
}

function serviceJson(it: Service, endpoints: readonly Endpoint[]): unknown {
  const { mode, preferences, allowUnhealthy } = it.loadBalancing;
  return {
    name: it.name,
    namespace: it.namespace,
    hostname: it.hostname,
    vips: it.vips.map(({ network, ip }) => `${network}/${ip.text}`),
    ...(it.cidrVips.length > 0
      ? { cidrVips: it.cidrVips.map(({ network, cidr }) => ({ network, cidr: cidr.text })) }
      : {}),
    ports: portsJson(it.ports),
    endpoints: endpointsJson(endpoints),
    subjectAltNames: it.subjectAltNames,
    ...(it.waypoint === null ? {} : { waypoint: gatewayJson(it.waypoint) }),
    ...(it.weightedWaypoints.length > 0
      ? {
          weightedWaypoints: it.weightedWaypoints.map(({ destination, weight }) => ({
            destination: gatewayJson(destination),
            weight,
          })),
        }
      : {}),
    ...(mode === 'STANDARD' && !allowUnhealthy
      ? {}
      : {
          loadBalancer: {
            mode: titled(mode),
            routingPreferences: preferences.map(titled),
            healthPolicy: allowUnhealthy ? 'AllowAll' : 'OnlyHealthy',
          },
        }),
    ...(it.ipFamilies === 'AUTOMATIC'
      ? {}
      : { ipFamilies: { DUAL: 'Dual', IPV4_ONLY: 'IPv4', IPV6_ONLY: 'IPv6' }[it.ipFamilies] }),
    canonical: it.canonical,
    visibility: it.namespacePrivate ? 'Namespace' : 'Public',
  };
}

function policyJson({ name, namespace, scope, action, dryRun, source }: CompiledPolicy): unknown {
  return {
    name,
    namespace,
    scope: { global: 'Global', namespace: 'Namespace', 'workload-selector': 'WorkloadSelector' }[scope],
    action: titled(action),
    dryRun,
    rules: source.groups.map(({ rules }) => rules.map(({ matches }) => matches.map(matchJson))),
  };
}

function matchJson(match: Match): unknown {
  const strings = (values: readonly StringMatch[]) => values.map(stringMatchJson);
  const networks = (values: Match['sourceIps']) =>
    values.map(({ address, length }) => `${ipFromBytes(address)?.text ?? '?'}/${length}`);
  return sparse({
    namespaces: strings(match.namespaces),
    notNamespaces: strings(match.notNamespaces),
    principals: strings(match.principals),
    notPrincipals: strings(match.notPrincipals),
    sourceIps: networks(match.sourceIps),
    notSourceIps: networks(match.notSourceIps),
    destinationIps: networks(match.destinationIps),
    notDestinationIps: networks(match.notDestinationIps),
    destinationPorts: match.destinationPorts,
    notDestinationPorts: match.notDestinationPorts,
    serviceAccounts: match.serviceAccounts.map(({ namespace, serviceAccount }) => ({ namespace, serviceAccount })),
    notServiceAccounts: match.notServiceAccounts.map(({ namespace, serviceAccount }) => ({
      namespace,
      serviceAccount,
    })),
  });
}

function stringMatchJson({ matchType }: StringMatch): unknown {
  if (matchType === undefined) return {};
  return matchType.$case === 'presence' ? { Presence: null } : { [titled(matchType.$case)]: matchType.value };
}

function certificateJson(identity: string, secret: SecretState): unknown {
  const names = { initializing: 'Initializing', available: 'Available', unavailable: 'Unavailable' } as const;
  const state = secret.kind === 'unavailable' ? `Unavailable: ${secret.reason}` : names[secret.kind];
  const { certificateChainPem = '', rootsPem = '' } = secret.kind === 'available' ? secret.svid : {};
  return {
    identity,
    state,
    certChain: splitPemCertificates(certificateChainPem).map(certificateSummary),
    rootCerts: splitPemCertificates(rootsPem).map(certificateSummary),
  };
}

function certificateSummary(pem: string): unknown {
  const summary = summarizeCertificate(pem);
  const seconds = (date: Date) => date.toISOString().replace(/\.\d{3}Z$/, 'Z');
  return {
    pem: Buffer.from(pem).toString('base64'),
    ...(summary.ok
      ? {
          serialNumber: decimal(summary.value.serialNumber),
          validFrom: seconds(summary.value.notBefore),
          expirationTime: seconds(summary.value.notAfter),
        }
      : {}),
  };
}

function decimal(hexadecimal: string): string {
  return BigInt(`0x${hexadecimal}`).toString();
}

function workloadStateJson(pods: Iterable<Pod>, connections: Iterable<OpenConnection>): unknown {
  const byPod = new Map<string, { inbound: unknown[]; outbound: unknown[] }>();
  for (const { details, source: src } of connections) {
    const lists = byPod.get(details.podUid) ?? { inbound: [], outbound: [] };
    byPod.set(details.podUid, lists);
    const { destination: originalDst, actualDestination: actualDst, transport } = details;
    lists[details.direction].push({ src, originalDst, actualDst, protocol: transport === 'hbone' ? 'HBONE' : 'TCP' });
  }
  return Object.fromEntries(
    [...pods].map(({ uid, info, state }) => [
      uid,
      { state: state === 'up' ? 'Up' : 'Pending', connections: byPod.get(uid) ?? { inbound: [], outbound: [] }, info },
    ]),
  );
}

function gatewayJson(gateway: GatewayAddress | null): unknown {
  if (gateway === null) return undefined;
  const { destination: to, hbonePort } = gateway;
  const destination = to.kind === 'hostname' ? `${to.namespace}/${to.hostname}` : `${to.network}/${to.ip.text}`;
  return { destination, hboneMtlsPort: hbonePort };
}

function endpointsJson(endpoints: readonly Endpoint[]): unknown {
  return Object.fromEntries(
    endpoints.map(({ workload, ports }) => [
      workload.uid,
      { workloadUid: workload.uid, port: portsJson(ports), status: workload.healthy ? 'Healthy' : 'Unhealthy' },
    ]),
  );
}

function portsJson(ports: PortMap): unknown {
  return Object.fromEntries(ports);
}

function titled(word: string): string {
  return word.charAt(0).toUpperCase() + word.slice(1).toLowerCase();
}

/** Without what is empty. */
function sparse(fields: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const empty = (value: unknown) =>
    value === undefined ||
    value === '' ||
    (Array.isArray(value) && value.length === 0) ||
    (isPlainObject(value) && Object.keys(value).length === 0);
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => !empty(value)));
}

function isPlainObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
