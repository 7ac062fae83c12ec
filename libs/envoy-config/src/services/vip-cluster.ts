import { Cluster } from '@weft/xds/gen/envoy/config/cluster/v3/cluster.js';
import { circuitBreakers } from '../clusters/circuit-breakers.js';
import { discoveryFields, type Discovery } from '../clusters/discovery.js';
import type { EffectivePolicy } from '../clusters/effective-policy.js';
import { loadBalancing } from '../clusters/load-balancing.js';
import { outlierDetection } from '../clusters/outlier-detection.js';
import { upstreamProtocol } from '../clusters/upstream-protocol.js';
import { backendTlsSocket, type VerifiedTls } from '../connections/backend-tls-socket.js';
import { hboneSocket, rawBuffer } from '../connections/internal-socket.js';
import { withProxyHeader } from '../connections/proxy-protocol.js';
import { userTls } from '../connections/user-tls.js';
import { METADATA_ISTIO } from '../connections/well-known-keys.js';
import { localityRule } from '../locality/locality-rule.js';
import { duration } from '../messages/duration.js';
import type { MeshSettings } from '../resources/mesh-settings.js';
import type { VipPort, VipService } from './vip-service.js';

export interface VipClusterOptions {
  readonly name: string;
  readonly stack: 'http' | 'tcp';
  readonly policy: EffectivePolicy;
  readonly discovery: Discovery;
  readonly subset?: string;
  readonly mesh: MeshSettings;
  /** What a BackendTLSPolicy asks for; it takes the place of `tls` in DestinationRules. */
  readonly backendTls?: VerifiedTls | undefined;
}

/** Where the traffic of one service port goes, and how connections there are made. */
export function vipCluster(service: VipService, port: VipPort, options: VipClusterOptions): Cluster {
  const { name, stack, policy, discovery, subset, mesh, backendTls } = options;
  const { connectionPool, outlierDetection: outliers, loadBalancer } = policy;
  const { connectTimeout, tcpKeepalive } = connectionPool?.tcp ?? {};
  return Cluster.fromPartial({
    name,
    altStatName: `${name};`,
    connectTimeout: duration(connectTimeout || mesh.connectTimeoutMs),
    ...loadBalancing(loadBalancer),
    ...discoveryFields(discovery, {
      name,
      port: port.targetPort === port.number ? 0 : port.targetPort,
      hostname: service.hostname,
    }),
    commonLbConfig: {
      healthyPanicThreshold: { value: outliers?.minHealthPercent ?? 0 },
      // Localities have shares, in place of those that their endpoints come to.
      ...(hasShares(service, options)
        ? { localityConfigSpecifier: { $case: 'localityWeightedLbConfig', value: {} } }
        : {}),
    },
    circuitBreakers: circuitBreakers(policy),
    ...(outliers === undefined ? {} : { outlierDetection: outlierDetection(outliers) }),
    ...(tcpKeepalive === undefined ? {} : { upstreamConnectionOptions: { tcpKeepalive: keepaliveOf(tcpKeepalive) } }),
    transportSocket: hboneSocket(innerSocket(service, port, options)),
    metadata: { filterMetadata: { [METADATA_ISTIO]: describe(service, protocolOf(port, stack), subset) } },
    ...(backendTls !== undefined || stack === 'http'
      ? {
          typedExtensionProtocolOptions: upstreamProtocol(port.protocol, connectionPool, {
            nameOfRequest: discovery.kind === 'request',
            negotiated: backendTls !== undefined,
          }),
        }
      : {}),
  });
}

function hasShares({ loadBalancing: own }: VipService, { policy, discovery, mesh }: VipClusterOptions): boolean {
  if (discovery.kind !== 'eds' && discovery.kind !== 'dns') return false;
  const rule = localityRule(policy, { loadBalancing: own, ofMesh: mesh.defaults?.localityLbSetting });
  return rule?.kind === 'distribute';
}

/** What the owner of the service asks for, inside of the tunnel. */
function innerSocket(
  { hostname, subjectAltNames }: VipService,
  port: VipPort,
  { stack, policy, discovery, backendTls }: VipClusterOptions,
) {
  const { tls, proxyProtocol } = policy;
  const named = { hostname, subjectAltNames, nameOfRequest: discovery.kind === 'request' && stack === 'http' };
  const inner =
    backendTls === undefined
      ? (userTls(tls, { ...named, alpn: alpnOf(stack, port) }) ?? rawBuffer())
      : backendTlsSocket(backendTls);
  return proxyProtocol === undefined ? inner : withProxyHeader(proxyProtocol, inner);
}

const alpnOf = (stack: 'http' | 'tcp', { protocol }: VipPort): readonly string[] =>
  stack === 'tcp' ? [] : protocol === 'http2' ? ['h2'] : ['http/1.1'];

const protocolOf = ({ isGrpc }: VipPort, stack: 'http' | 'tcp'): string =>
  stack === 'tcp' ? stack : isGrpc ? 'grpc' : 'http';

/** `services` is Istio's form; metrics cannot take it apart, so the parts stand beside it. */
function describe({ hostname, name, namespace }: VipService, protocol: string, subset: string | undefined) {
  return {
    services: [{ host: hostname, name, namespace }],
    service: hostname,
    service_name: name,
    service_namespace: namespace,
    protocol,
    ...(subset === undefined ? {} : { subset }),
  };
}

function keepaliveOf({
  probes,
  time,
  interval,
}: {
  readonly probes?: number;
  readonly time?: number;
  readonly interval?: number;
}) {
  const seconds = (ms: number): number => Math.max(1, Math.round(ms / 1000));
  return {
    ...(probes === undefined ? {} : { keepaliveProbes: probes }),
    ...(time === undefined ? {} : { keepaliveTime: seconds(time) }),
    ...(interval === undefined ? {} : { keepaliveInterval: seconds(interval) }),
  };
}
