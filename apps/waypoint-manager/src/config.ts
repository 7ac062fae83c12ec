import { err, ok, type Result } from '@weft/result';
import { EnvReader, LOG_LEVELS, type ConfigProblem, type Env, type LogLevel, everyAddress } from '@weft/runtime';

/** What the proxies are started with. */
export interface ProxySettings {
  readonly image: string;
  /** In place of the image's entry point; empty for that. */
  readonly command: readonly string[];
  /** Added to the environment of every proxy. */
  readonly env: Readonly<Record<string, string>>;
}

/** How pods come to virtual nodes. */
export interface ServerlessSettings {
  readonly nodeSelector: Readonly<Record<string, string>>;
  readonly tolerations: readonly Readonly<Record<string, string>>[];
}

/** Proxies that run already and belong to nobody. */
export interface PoolSettings {
  /** How many are kept warm; 0: there is no pool. */
  readonly size: number;
  readonly placement: 'in-cluster' | 'serverless';
}

export interface WaypointManagerConfig {
  readonly namespace: string;
  readonly podName: string;
  /** Only Gateways of this revision, and those that name none, are ours. */
  readonly revision: string;
  readonly clusterId: string;
  readonly clusterDomain: string;
  readonly trustDomain: string;
  readonly proxy: ProxySettings;
  readonly serverless: ServerlessSettings;
  readonly pool: PoolSettings;
  /** How often proxies are asked what they carry. */
  readonly scalingIntervalMs: number;
  readonly adminHost: string;
  readonly adminPort: number;
  readonly logLevel: LogLevel;
}

export const HELP = `weft waypoint-manager: makes the proxies that Gateways ask for

Settings (environment):
  POD_NAMESPACE   the namespace of the mesh's own workloads, where class defaults are    (istio-system)
  POD_NAME        names this replica in the Lease                                        (host name)
  REVISION        Gateways with another label istio.io/rev are left alone                (default)
  CLUSTER_ID, CLUSTER_DOMAIN, TRUST_DOMAIN                                               (Kubernetes, cluster.local, cluster.local)
  PROXY_IMAGE     image of the proxies                                                   (weft/proxy-agent)
  PROXY_COMMAND   JSON list in place of the image's entry point                          ([])
  PROXY_ENV       JSON object of more environment for the proxies                        ({})
  SERVERLESS_NODE_SELECTOR  JSON object: labels of virtual nodes            ({"type":"virtual-kubelet"})
  SERVERLESS_TOLERATIONS    JSON list: what pods there tolerate
                                  ([{"key":"virtual-kubelet.io/provider","operator":"Exists"}])
  POOL_SIZE       proxies kept warm for Gateways of placement pool; 0: none              (0)
  POOL_PLACEMENT  where they run: in-cluster, serverless                                 (in-cluster)
  SCALING_INTERVAL  how often proxies are asked what they carry                          (2s)
  ADMIN_HOST, ADMIN_PORT   /healthz /readyz /metrics                                     (every address, 15014)
  LOG_LEVEL       ${LOG_LEVELS.join(', ')}  (info)
`;

/** Pure; reports every problem at once. */
export function parseWaypointManagerConfig(
  env: Env,
  defaultPodName: string,
): Result<WaypointManagerConfig, readonly ConfigProblem[]> {
  const read = new EnvReader(env);
  const problems: ConfigProblem[] = [];
  const config: WaypointManagerConfig = {
    namespace: read.string('POD_NAMESPACE', 'istio-system'),
    podName: read.string('POD_NAME', defaultPodName),
    revision: read.string('REVISION', 'default'),
    clusterId: read.string('CLUSTER_ID', 'Kubernetes'),
    clusterDomain: read.string('CLUSTER_DOMAIN', 'cluster.local'),
    trustDomain: read.string('TRUST_DOMAIN', 'cluster.local'),
    proxy: {
      image: read.string('PROXY_IMAGE', 'weft/proxy-agent'),
      command: commandOf(read.string('PROXY_COMMAND', '[]'), problems),
      env: stringsOf('PROXY_ENV', read.string('PROXY_ENV', '{}'), problems),
    },
    serverless: {
      nodeSelector: stringsOf(SELECTOR, read.string(SELECTOR, '{"type":"virtual-kubelet"}'), problems),
      tolerations: tolerationsOf(read.string(TOLERATIONS, DEFAULT_TOLERATIONS), problems),
    },
    pool: {
      size: read.integer('POOL_SIZE', 0, 0, 1000),
      placement: read.oneOf('POOL_PLACEMENT', ['in-cluster', 'serverless'], 'in-cluster'),
    },
    scalingIntervalMs: read.durationMs('SCALING_INTERVAL', 2000),
    adminHost: read.string('ADMIN_HOST', everyAddress()),
    adminPort: read.integer('ADMIN_PORT', 15_014, 0, 65_535),
    logLevel: read.oneOf('LOG_LEVEL', LOG_LEVELS, 'info'),
  };
  problems.push(...read.problems());
  return problems.length === 0 ? ok(config) : err(problems);
}

function commandOf(text: string, problems: ConfigProblem[]): readonly string[] {
  const value = parseJson(text);
  if (Array.isArray(value) && value.every((item): item is string => typeof item === 'string')) return value;
  problems.push({ key: 'PROXY_COMMAND', problem: 'want a JSON list of strings such as ["proxy-agent"]' });
  return [];
}

const SELECTOR = 'SERVERLESS_NODE_SELECTOR';
const TOLERATIONS = 'SERVERLESS_TOLERATIONS';
const DEFAULT_TOLERATIONS = '[{"key":"virtual-kubelet.io/provider","operator":"Exists"}]';

function tolerationsOf(text: string, problems: ConfigProblem[]): ServerlessSettings['tolerations'] {
  const value = parseJson(text);
  if (Array.isArray(value) && value.every(isStrings)) return value;
  problems.push({ key: TOLERATIONS, problem: `want a JSON list such as ${DEFAULT_TOLERATIONS}` });
  return [];
}

function stringsOf(key: string, text: string, problems: ConfigProblem[]): Readonly<Record<string, string>> {
  const value = parseJson(text);
  if (isStrings(value)) return value;
  problems.push({ key, problem: 'want a JSON object of strings such as {"key":"value"}' });
  return {};
}

function isStrings(value: unknown): value is Readonly<Record<string, string>> {
  const isMap = typeof value === 'object' && value !== null && !Array.isArray(value);
  return isMap && Object.values(value).every((item) => typeof item === 'string');
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
