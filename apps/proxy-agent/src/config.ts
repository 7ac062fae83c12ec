import { err, ok, type Result } from '@weft/result';
import { EnvReader, LOG_LEVELS, nodeMetadata, type ConfigProblem, type Env, type LogLevel } from '@weft/runtime';
import { formatSpiffeId } from '@weft/spiffe';
import type { MeshEndpointOptions } from '@weft/xds-grpc';

/** First part of Envoy's node id: what the control plane generates for. */
export const PROXY_TYPES = ['waypoint', 'router', 'sidecar'] as const;
export type ProxyType = (typeof PROXY_TYPES)[number];

export interface AgentConfig {
  readonly proxyType: ProxyType;
  readonly pod: { readonly name: string; readonly namespace: string; readonly ip: string };
  readonly serviceAccount: string;
  /** Identity of this proxy; null for one of the pool, which is told later. */
  readonly spiffeId: string | null;
  readonly trustDomain: string;
  readonly clusterDomain: string;
  /** `ISTIO_META_X` of the environment, by X; strings but for `ISTIO_METAJSON_X`. */
  readonly nodeMetadata: Readonly<Record<string, unknown>>;
  readonly envoyPath: string;
  /** No Envoy: gRPC clients of this pod route by themselves, and the agent only carries their configuration. */
  readonly envoyDisabled: boolean;
  /** Where the bootstrap for such clients is written; null: nowhere. */
  readonly grpcBootstrapPath: string | null;
  /** Envoy asks for changes only, not for the state of the world. */
  readonly deltaXds: boolean;
  readonly configDir: string;
  readonly concurrency: number;
  readonly xds: MeshEndpointOptions;
  readonly ca: MeshEndpointOptions;
  readonly secretTtlSeconds: number;
  /** CRLs that peers are held against; null: none. */
  readonly crlPath: string | null;
  readonly wasm: WasmSettings;
  /** After the signal to end, connections get at least so long to finish ... */
  readonly drainMinMs: number;
  /** ... and at most so long. */
  readonly drainMaxMs: number;
  readonly proxyLogLevel: string;
  readonly proxyComponentLogLevel: string;
  readonly logLevel: LogLevel;
  readonly ports: AgentPorts;
}

export interface WasmSettings {
  /** Registries that are asked without TLS, by host and port; `*` is all. */
  readonly insecureRegistries: readonly string[];
  /** Of each request for a module. */
  readonly timeoutMs: number;
  /** Modules on disk, in all. */
  readonly cacheBytes: number;
}

export interface AgentPorts {
  readonly admin: number;
  readonly status: number;
  readonly readiness: number;
  readonly prometheus: number;
}

export const HELP = `weft proxy-agent: runs an Envoy of the mesh

  proxy-agent waypoint|router|sidecar

Its settings are environment variables, described in README.md. Required: POD_NAME, POD_NAMESPACE, INSTANCE_IP,
SERVICE_ACCOUNT. Mostly set: ENVOY_PATH, XDS_ADDRESS, CA_ADDRESS, TRUST_DOMAIN, ISTIO_META_*.
`;

const ROOT_FILE = '/var/run/secrets/istio/root-cert.pem';
const TOKEN_FILE = '/var/run/secrets/tokens/istio-token';
/** What the agent needs after the last connection, in milliseconds. */
const AFTER_DRAIN_MS = 1000;

/** Reads the arguments and the environment; all problems at once. */
export function parseAgentConfig(args: readonly string[], env: Env): Result<AgentConfig, readonly ConfigProblem[]> {
  const read = new EnvReader(env);
  const problems: ConfigProblem[] = [];
  const proxyType = proxyTypeOf(args);
  if (proxyType === null) problems.push({ key: args.join(' '), problem: `want one of ${PROXY_TYPES.join(', ')}` });
  const metadata = nodeMetadata(env);
  if (!metadata.ok) problems.push(metadata.error);
  const fieldRef = (key: string): string => read.required(key, 'set it by fieldRef');
  const namespace = fieldRef('POD_NAMESPACE');
  const serviceAccount = fieldRef('SERVICE_ACCOUNT');
  const trustDomain = read.string('TRUST_DOMAIN', 'cluster.local');
  const token = read.string('AUTH_TOKEN', TOKEN_FILE);
  const clusterId = read.string('ISTIO_META_CLUSTER_ID', 'Kubernetes');
  const endpoint = (kind: 'XDS' | 'CA', service: string): MeshEndpointOptions => ({
    address: read.string(`${kind}_ADDRESS`, `https://${service}.istio-system.svc:15012`),
    root: read.string(`${kind}_ROOT_CA`, ROOT_FILE),
    token,
    clusterId,
  });
  const drainMinMs = read.durationMs('TERMINATION_DRAIN_DURATION', 5000);
  const graceMs = read.integer('TERMINATION_GRACE_PERIOD_SECONDS', 30, 2, 3600) * 1000;
  const config: AgentConfig = {
    proxyType: proxyType ?? 'waypoint',
    pod: { name: fieldRef('POD_NAME'), namespace, ip: fieldRef('INSTANCE_IP') },
    serviceAccount,
    spiffeId: read.boolean('PROXY_POOL', false) ? null : formatSpiffeId(trustDomain, namespace, serviceAccount),
    trustDomain,
    clusterDomain: read.string('CLUSTER_DOMAIN', 'cluster.local'),
    nodeMetadata: metadata.ok ? metadata.value : {},
    envoyPath: read.string('ENVOY_PATH', 'envoy'),
    envoyDisabled: read.boolean('DISABLE_ENVOY', false),
    grpcBootstrapPath: read.optional('GRPC_XDS_BOOTSTRAP') ?? null,
    deltaXds: read.boolean('ISTIO_DELTA_XDS', true),
    configDir: read.string('CONFIG_DIR', '/etc/istio/proxy'),
    concurrency: read.integer('PROXY_CONCURRENCY', 2, 0, 256),
    xds: endpoint('XDS', 'istiod'),
    ca: endpoint('CA', 'weft-ca'),
    secretTtlSeconds: Math.round(read.durationMs('SECRET_TTL', 24 * 3_600_000) / 1000),
    crlPath: read.optional('CRL_PATH') ?? null,
    wasm: {
      insecureRegistries: read
        .string('WASM_INSECURE_REGISTRIES', '')
        .split(',')
        .map((one) => one.trim())
        .filter((one) => one !== ''),
      timeoutMs: read.durationMs('WASM_HTTP_REQUEST_TIMEOUT', 15_000),
      cacheBytes: read.integer('WASM_CACHE_MEGABYTES', 512, 1, 65_536) * 1024 * 1024,
    },
    drainMinMs: Math.min(drainMinMs, graceMs - AFTER_DRAIN_MS),
    drainMaxMs: graceMs - AFTER_DRAIN_MS,
    proxyLogLevel: read.string('PROXY_LOG_LEVEL', 'warning'),
    proxyComponentLogLevel: read.string('PROXY_COMPONENT_LOG_LEVEL', 'misc:error'),
    logLevel: read.oneOf('LOG_LEVEL', LOG_LEVELS, 'info'),
    ports: {
      admin: read.integer('ADMIN_PORT', 15_000, 0, 65_535),
      status: read.integer('STATUS_PORT', 15_020, 0, 65_535),
      readiness: read.integer('READINESS_PORT', 15_021, 0, 65_535),
      prometheus: read.integer('PROMETHEUS_PORT', 15_090, 0, 65_535),
    },
  };
  const all = [...problems, ...read.problems()];
  return all.length === 0 ? ok(config) : err(all);
}

/** `waypoint`, or `proxy waypoint` as Istio's agent is called. */
function proxyTypeOf(args: readonly string[]): ProxyType | null {
  const words = args[0] === 'proxy' ? args.slice(1) : args;
  return PROXY_TYPES.find((type) => type === words[0] && words.length === 1) ?? null;
}
