import { err, ok, type Result } from '@weft/result';
import { EnvReader, LOG_LEVELS, type ConfigProblem, type Env, type LogLevel } from '@weft/runtime';
import type { Family, RedirectionBackend } from '@weft/linux';
import { parseIp } from '@weft/ip';

export interface CniAgentConfig {
  readonly nodeName: string;
  readonly podName: string;
  readonly systemNamespace: string;
  readonly excludedNamespaces: ReadonlySet<string>;
  readonly backend: RedirectionBackend | 'detect';
  readonly families: readonly Family[];
  readonly probeSources: Readonly<Partial<Record<Family, string>>>;
  readonly dnsCapture: boolean;
  readonly zdsSocket: string;
  readonly runDir: string;
  /** Same folder as `runDir`, as the CNI plugin sees it on the host. */
  readonly hostRunDir: string;
  /** Prefix under which the host's /proc and /var/run/netns are mounted. */
  readonly hostPrefix: string;
  readonly netDir: string;
  readonly binDir: string;
  /** The plugin's folder as the container runtime sees it. */
  readonly hostBinDir: string;
  readonly confName: string | undefined;
  readonly installPlugin: boolean;
  readonly healthPort: number;
  readonly monitoringPort: number;
  readonly logLevel: LogLevel;
}

export const HELP = `weft cni-agent: enrols the pods of one node into the mesh

Settings (environment):
  NODE_NAME                 this node (required)
  POD_NAME, POD_NAMESPACE   this pod; its DaemonSet decides about uninstalling  ("", istio-system)
  EXCLUDE_NAMESPACES        never enrolled, comma separated                      (kube-system)
  REDIRECTION_BACKEND       detect, iptables, iptables-nft, iptables-legacy, nftables (detect);
                            NATIVE_NFTABLES=true and FORCE_IPTABLES_BINARY=legacy|nft are
                            understood too
  AMBIENT_IPV6              also rules for IPv6                                   (true)
  AMBIENT_DNS_CAPTURE       send the pods' DNS to ztunnel                        (false)
  HOST_PROBE_SNAT_IP, HOST_PROBE_SNAT_IPV6
                            source address of probes in the pods  (169.254.7.127, fd16:9254:...)
  ZTUNNEL_UDS_ADDRESS       socket that ztunnel connects to  (/var/run/ztunnel/ztunnel.sock)
  CNI_AGENT_RUN_DIR         folder of the plugin's socket and kubeconfig  (/var/run/istio-cni)
  HOST_PREFIX               where the host's /proc and /var/run/netns are mounted       (/host)
  INSTALL_CNI_PLUGIN        put the plugin into the node's CNI chain                    (true)
  MOUNTED_CNI_NET_DIR       the node's CNI configuration            (/host/etc/cni/net.d)
  MOUNTED_CNI_BIN_DIR       the node's CNI programs                   (/host/opt/cni/bin)
  HOST_CNI_BIN_DIR          the same folder as the container runtime sees it (/opt/cni/bin)
  CNI_CONF_NAME             configuration to extend; else the first one by name
  HEALTH_PORT, MONITORING_PORT   /healthz /readyz, /metrics                (8000, 15014)
  LOG_LEVEL                 ${LOG_LEVELS.join(', ')}  (info)
`;

const BACKENDS = ['detect', 'iptables', 'iptables-nft', 'iptables-legacy', 'nftables'] as const;

/** Pure; reports every problem at once. */
export function parseCniAgentConfig(env: Env): Result<CniAgentConfig, readonly ConfigProblem[]> {
  const read = new EnvReader(env);
  const problems: ConfigProblem[] = [];
  const runDir = read.string('CNI_AGENT_RUN_DIR', '/var/run/istio-cni');
  const config: CniAgentConfig = {
    nodeName: read.required('NODE_NAME', 'set it from spec.nodeName with the downward API'),
    podName: read.string('POD_NAME', ''),
    systemNamespace: read.string('POD_NAMESPACE', 'istio-system'),
    excludedNamespaces: new Set(
      read
        .string('EXCLUDE_NAMESPACES', 'kube-system')
        .split(',')
        .map((name) => name.trim()),
    ),
    backend: backendOf(read),
    families: read.boolean('AMBIENT_IPV6', true) ? [4, 6] : [4],
    probeSources: probeSources(read, problems),
    dnsCapture: read.boolean('AMBIENT_DNS_CAPTURE', false),
    zdsSocket: read.string('ZTUNNEL_UDS_ADDRESS', '/var/run/ztunnel/ztunnel.sock'),
    runDir,
    hostRunDir: read.string('HOST_CNI_AGENT_RUN_DIR', runDir),
    hostPrefix: read.string('HOST_PREFIX', '/host'),
    netDir: read.string('MOUNTED_CNI_NET_DIR', '/host/etc/cni/net.d'),
    binDir: read.string('MOUNTED_CNI_BIN_DIR', '/host/opt/cni/bin'),
    hostBinDir: read.string('HOST_CNI_BIN_DIR', '/opt/cni/bin'),
    confName: read.optional('CNI_CONF_NAME'),
    installPlugin: read.boolean('INSTALL_CNI_PLUGIN', true),
    healthPort: read.integer('HEALTH_PORT', 8000, 0, 65_535),
    monitoringPort: read.integer('MONITORING_PORT', 15_014, 0, 65_535),
    logLevel: read.oneOf('LOG_LEVEL', LOG_LEVELS, 'info'),
  };
  problems.push(...read.problems());
  return problems.length === 0 ? ok(config) : err(problems);
}

function backendOf(read: EnvReader): RedirectionBackend | 'detect' {
  const forced = read.oneOf('FORCE_IPTABLES_BINARY', ['legacy', 'nft', 'none'], 'none');
  const native = read.boolean('NATIVE_NFTABLES', false);
  const fallback = native ? 'nftables' : forced === 'none' ? 'detect' : (`iptables-${forced}` as const);
  return read.oneOf('REDIRECTION_BACKEND', BACKENDS, fallback);
}

function probeSources(read: EnvReader, problems: ConfigProblem[]): Readonly<Partial<Record<Family, string>>> {
  const address = (key: string, family: Family): string | undefined => {
    const text = read.optional(key);
    if (text === undefined || parseIp(text)?.family === family) return text;
    problems.push({ key, problem: `want an IPv${family} address, got ${JSON.stringify(text)}` });
    return undefined;
  };
  const v4 = address('HOST_PROBE_SNAT_IP', 4);
  const v6 = address('HOST_PROBE_SNAT_IPV6', 6);
  return { ...(v4 === undefined ? {} : { 4: v4 }), ...(v6 === undefined ? {} : { 6: v6 }) };
}
