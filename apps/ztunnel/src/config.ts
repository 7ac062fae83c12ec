import { err, ok, type Result } from '@weft/result';
import { EnvReader, nodeMetadata, readTlsProfile, type ConfigProblem, type Env } from '@weft/runtime';
import type { TlsProfile } from '@weft/tls-profile';
import type { MeshEndpointOptions } from '@weft/xds-grpc';
import { ENGINE_WISHES, type EngineWish } from './dataplane/choose-engine.js';
import type { KeepAlive } from '@weft/linux';
import { DEFAULT_LIMITS, type Http2Sizes } from './dataplane/limits.js';
import type { PodInfo } from './zds/zds-session.js';
import { parseLogFilter, type LogFilter } from './telemetry/log-filter.js';
import { readTracing, type TracingConfig } from './tracing/tracing-config.js';
import { workerThreads } from './worker-threads.js';

export interface ZtunnelConfig {
  readonly engine: EngineWish;
  readonly workers: number;
  readonly network: string;
  readonly nodeName: string;
  readonly clusterId: string;
  readonly clusterDomain: string;
  readonly trustDomain: string;
  readonly pod: { readonly name: string; readonly namespace: string; readonly ip: string };
  /** Whose HBONE this process serves itself; null: nobody's. */
  readonly ownPod: PodInfo | null;
  readonly version: string;
  readonly nodeMetadata: Readonly<Record<string, unknown>>;
  /** Null: disabled. */
  readonly xds: MeshEndpointOptions | null;
  readonly ca: MeshEndpointOptions | null;
  /** A file or its content, instead of or beside xDS. */
  readonly localXds: { readonly path: string } | { readonly inline: string } | null;
  readonly secretTtlSeconds: number;
  readonly tlsProfile: TlsProfile;
  /** Null: no CRL is looked for. */
  readonly crlPath: string | null;
  /** MeshConfig as a mounted file; its trust domains are taken up while this runs. */
  readonly meshConfigPath: string;
  readonly zdsPath: string;
  readonly packetMark: number;
  /** Workloads and services are asked for one by one. */
  readonly xdsOnDemand: boolean;
  readonly dnsCapture: boolean;
  readonly preferredServiceNamespace: string | null;
  readonly preserveSource: boolean;
  readonly ipv6: boolean;
  /** Null: off. */
  readonly keepAlive: KeepAlive | null;
  /** TCP_USER_TIMEOUT; 0: the kernel's. */
  readonly userTimeoutMs: number;
  /** How long a connection waits for a waypoint that is being started. */
  readonly holdTimeoutMs: number;
  /** How many may, over all workers. */
  readonly maxHeld: number;
  readonly poolIdleMs: number;
  readonly http2: Http2Sizes;
  readonly responseBaggage: boolean;
  /** Application tunnels of protocol PROXY are delivered on loopback. */
  readonly localhostTunnel: boolean;
  readonly logPolicyDecisions: boolean;
  readonly drainMs: number;
  readonly logFormat: 'text' | 'json';
  readonly logFilter: LogFilter;
  /** Null: no spans are made. */
  readonly tracing: TracingConfig | null;
  readonly ports: { readonly admin: number; readonly metrics: number; readonly readiness: number };
}

const DEFAULT_ROOT = '/var/run/secrets/istio/root-cert.pem';
const DEFAULT_TOKEN = '/var/run/secrets/tokens/istio-token';
const DEFAULT_MESH_CONFIG = '/etc/istio/config/mesh';
const DEFAULT_ZDS = '/var/run/ztunnel/ztunnel.sock';
/** Each of these changes what is enforced or where traffic goes, so asking for it must not be ignored. */
const UNSUPPORTED: readonly (readonly [key: string, refused: string, instead: string])[] = [
  ['TLS12_ENABLED', 'true', 'leave it unset: the mesh uses TLS 1.3 only'],
  ['UNSTABLE_ENABLE_SOCKS5', 'true', 'leave it unset'],
  ['FAKE_CA', 'true', 'set CA_ADDRESS'],
  ['INPOD_PORT_REUSE', 'false', 'leave it unset: workers share the ports'],
];
const NO_NAMES_ON_DEMAND: ConfigProblem = {
  key: 'XDS_ON_DEMAND',
  problem: 'needs ISTIO_META_DNS_CAPTURE=false: only who knows all services can answer for their names',
};
const UNSUPPORTED_WHEN_SET = ['PROXY_CONFIG', 'PROXY_WORKLOAD_INFO'] as const;

/** Reads the environment; all problems at once. `cores` is what the machine has. */
export function parseConfig(env: Env, cores: number): Result<ZtunnelConfig, readonly ConfigProblem[]> {
  const reader = new EnvReader(env);
  const problems: ConfigProblem[] = [];
  const take = <T>(result: Result<T, ConfigProblem>, fallback: T): T => {
    if (result.ok) return result.value;
    problems.push(result.error);
    return fallback;
  };
  const clusterId = reader.optional('CLUSTER_ID') ?? reader.string('ISTIO_META_CLUSTER_ID', 'Kubernetes');
  const inCluster = env['KUBERNETES_SERVICE_HOST'] !== undefined;
  const token = reader.string('AUTH_TOKEN', DEFAULT_TOKEN);
  const endpoint = (kind: 'XDS' | 'CA', service: string) =>
    endpointOf(reader, env, { kind, service, inCluster, token, clusterId });
  const path = reader.optional('LOCAL_XDS_PATH');
  const inline = reader.optional('LOCAL_XDS');
  reader.oneOf('PROXY_MODE', ['shared'], 'shared');
  const config: ZtunnelConfig = {
    engine: reader.oneOf('WEFT_ENGINE', ENGINE_WISHES, 'auto'),
    workers: take(workerThreads(reader, cores), 1),
    network: reader.string('NETWORK', ''),
    nodeName: reader.string('NODE_NAME', ''),
    clusterId,
    clusterDomain: reader.string('CLUSTER_DOMAIN', 'cluster.local'),
    trustDomain: reader.string('TRUST_DOMAIN', 'cluster.local'),
    pod: {
      name: reader.string('POD_NAME', 'ztunnel'),
      namespace: reader.string('POD_NAMESPACE', 'istio-system'),
      ip: reader.string('INSTANCE_IP', '1.1.1.1'),
    },
    ownPod: ownPodOf(reader),
    version: reader.string('ISTIO_META_ISTIO_VERSION', '0.1.0'),
    nodeMetadata: take(nodeMetadata(env), {}),
    xds: endpoint('XDS', 'istiod'),
    ca: endpoint('CA', 'weft-ca'),
    localXds: path !== undefined ? { path } : inline !== undefined ? { inline } : null,
    secretTtlSeconds: Math.round(reader.durationMs('SECRET_TTL', 24 * 3_600_000) / 1000),
    tlsProfile: readTlsProfile(reader),
    crlPath: reader.optional('CRL_PATH') ?? null,
    meshConfigPath: reader.string('MESH_CONFIG', DEFAULT_MESH_CONFIG),
    zdsPath: reader.string('INPOD_UDS', DEFAULT_ZDS),
    packetMark: reader.integer('PACKET_MARK', 1337, 1, 0xfff),
    xdsOnDemand: reader.boolean('XDS_ON_DEMAND', false),
    dnsCapture: reader.boolean('ISTIO_META_DNS_CAPTURE', true),
    preferredServiceNamespace: reader.optional('PREFERED_SERVICE_NAMESPACE') ?? null,
    preserveSource: reader.boolean('ENABLE_ORIG_SRC', true),
    ipv6: reader.boolean('IPV6_ENABLED', true),
    ...keepAliveOf(reader),
    holdTimeoutMs: reader.durationMs('WAYPOINT_HOLD_TIMEOUT', 30_000),
    maxHeld: reader.integer('WAYPOINT_HOLD_CONNECTIONS', 10_000, 0, 1_000_000),
    poolIdleMs: reader.durationMs('POOL_UNUSED_RELEASE_TIMEOUT', 5 * 60_000),
    http2: http2Of(reader),
    responseBaggage: reader.boolean('ENABLE_RESPONSE_BAGGAGE', true),
    localhostTunnel: reader.boolean('LOCALHOST_APP_TUNNEL', true),
    logPolicyDecisions: reader.boolean('AUTHZ_POLICY_INFO_LOGGING', false),
    drainMs: drainMsOf(reader),
    logFormat: reader.oneOf('LOG_FORMAT', ['text', 'json'], 'text'),
    logFilter: take(parseLogFilter(reader.string('RUST_LOG', 'info')), { level: 'info', scopes: new Map() }),
    tracing: readTracing(reader, problems),
    ports: {
      admin: reader.integer('WEFT_ADMIN_PORT', 15000, 0, 65_535),
      metrics: reader.integer('WEFT_METRICS_PORT', 15020, 0, 65_535),
      readiness: reader.integer('WEFT_READINESS_PORT', 15021, 0, 65_535),
    },
  };
  if (config.xdsOnDemand && config.dnsCapture) problems.push(NO_NAMES_ON_DEMAND);
  const all = [...problems, ...unsupported(env), ...reader.problems()];
  return all.length > 0 ? err(all) : ok(config);
}

interface EndpointDefaults {
  readonly kind: 'XDS' | 'CA';
  readonly service: string;
  readonly inCluster: boolean;
  readonly token: string;
  readonly clusterId: string;
}

function endpointOf(
  reader: EnvReader,
  env: Env,
  { kind, service, inCluster, token, clusterId }: EndpointDefaults,
): MeshEndpointOptions | null {
  const root = reader.string(`${kind}_ROOT_CA`, DEFAULT_ROOT);
  const serverName = reader.optional(`ALT_${kind}_HOSTNAME`);
  const fallback = inCluster ? `https://${service}.istio-system.svc:15012` : 'https://localhost:15012';
  const address = reader.string(`${kind}_ADDRESS`, fallback);
  if (env[`${kind}_ADDRESS`] === '') return null;
  const prefix = `${kind}_HEADER_`;
  const headers = Object.fromEntries(
    Object.entries(env).flatMap(([key, value]) =>
      key.startsWith(prefix) && value ? [[key.slice(prefix.length).toLowerCase(), value]] : [],
    ),
  );
  return { address, root, token, clusterId, headers, ...(serverName === undefined ? {} : { serverName }) };
}

/** Only when everything is said: a wrong guess would serve under a wrong name. */
function ownPodOf(reader: EnvReader): PodInfo | null {
  const [name, namespace, serviceAccount] = ['POD_NAME', 'POD_NAMESPACE', 'SERVICE_ACCOUNT'].map((key) =>
    reader.optional(key),
  );
  if (name === undefined || namespace === undefined || serviceAccount === undefined) return null;
  return { name, namespace, serviceAccount };
}

/** Istio's rule: the user timeout is what the keepalive probes would take. */
function keepAliveOf(reader: EnvReader): Pick<ZtunnelConfig, 'keepAlive' | 'userTimeoutMs'> {
  const seconds = (key: string) => Math.max(1, Math.round(reader.durationMs(key, 180_000) / 1000));
  const keepAlive = {
    idleSeconds: seconds('KEEPALIVE_TIME'),
    intervalSeconds: seconds('KEEPALIVE_INTERVAL'),
    probes: reader.integer('KEEPALIVE_RETRIES', 9, 1, 127),
  };
  const userTimeoutMs = (keepAlive.idleSeconds + keepAlive.intervalSeconds * keepAlive.probes) * 1000;
  return {
    keepAlive: reader.boolean('KEEPALIVE_ENABLED', true) ? keepAlive : null,
    userTimeoutMs: reader.boolean('USER_TIMEOUT_ENABLED', false) ? userTimeoutMs : 0,
  };
}

function http2Of(reader: EnvReader): Http2Sizes {
  const { http2: usual } = DEFAULT_LIMITS;
  const largestWindow = 2 ** 31 - 1;
  return {
    streamWindowBytes: reader.integer('HTTP2_STREAM_WINDOW_SIZE', usual.streamWindowBytes, 65_535, largestWindow),
    connectionWindowBytes: reader.integer(
      'HTTP2_CONNECTION_WINDOW_SIZE',
      usual.connectionWindowBytes,
      65_535,
      largestWindow,
    ),
    frameBytes: reader.integer('HTTP2_FRAME_SIZE', usual.frameBytes, 16_384, 16_777_215),
    streamsPerTunnel: reader.integer('POOL_MAX_STREAMS_PER_CONNECTION', usual.streamsPerTunnel, 1, 65_535),
  };
}

/** Istio's rule: the explicit deadline, else what the kubelet leaves us, else 5 s. */
function drainMsOf(reader: EnvReader): number {
  const grace = reader.integer('TERMINATION_GRACE_PERIOD_SECONDS', 0, 0, 86_400);
  const fromGrace = grace === 0 ? 5 : Math.max(1, grace > 10 ? grace - 5 : grace - 1);
  return reader.durationMs('CONNECTION_TERMINATION_DEADLINE', fromGrace * 1000);
}

function unsupported(env: Env): readonly ConfigProblem[] {
  const values = UNSUPPORTED.filter(([key, refused]) => env[key]?.toLowerCase() === refused);
  const set = UNSUPPORTED_WHEN_SET.filter((key) => (env[key] ?? '') !== '');
  return [
    ...values.map(([key, refused, instead]) => ({ key, problem: `${refused} is not supported: ${instead}` })),
    ...set.map((key) => ({ key, problem: 'is not supported: leave it unset' })),
  ];
}
