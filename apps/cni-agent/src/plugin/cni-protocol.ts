/** The CNI specification as a chained plugin needs it (versions 0.3.1 to 1.1.0). */
export const SUPPORTED_VERSIONS = ['0.3.0', '0.3.1', '0.4.0', '1.0.0', '1.1.0'];

export interface PluginConfig {
  readonly cniVersion: string;
  readonly runDir: string;
  readonly excludedNamespaces: readonly string[];
  /** Namespace of the agent, whose own pods are never held up by it. */
  readonly podNamespace: string;
  readonly prevResult: unknown;
}

export interface CniError {
  readonly code: number;
  readonly msg: string;
  readonly details: string;
}

/** Error codes of the specification. */
export const CNI_INVALID_ENVIRONMENT = 4;
export const CNI_DECODING_FAILURE = 6;
export const CNI_INVALID_CONFIG = 7;
export const CNI_TRY_AGAIN = 11;

export function cniError(code: number, msg: string, details = ''): CniError {
  return { code, msg, details };
}

export function parsePluginConfig(text: string): PluginConfig | CniError {
  let raw: unknown;
  try {
    raw = JSON.parse(text);
  } catch {
    return cniError(CNI_DECODING_FAILURE, 'the network configuration on stdin is not JSON');
  }
  if (typeof raw !== 'object' || raw === null || Array.isArray(raw))
    return cniError(CNI_DECODING_FAILURE, 'the network configuration is not an object');
  const config = raw as Record<string, unknown>;
  const text_ = (key: string, fallback: string): string => (typeof config[key] === 'string' ? config[key] : fallback);
  const cniVersion = text_('cniVersion', '');
  if (!SUPPORTED_VERSIONS.includes(cniVersion))
    return cniError(1, `CNI version ${JSON.stringify(cniVersion)} is not supported`, SUPPORTED_VERSIONS.join(', '));
  const excluded = Array.isArray(config['exclude_namespaces'])
    ? config['exclude_namespaces'].filter((name) => typeof name === 'string')
    : [];
  return {
    cniVersion,
    runDir: text_('cni_agent_run_dir', '/var/run/istio-cni'),
    podNamespace: text_('pod_namespace', 'istio-system'),
    excludedNamespaces: excluded,
    prevResult: config['prevResult'],
  };
}

/** `CNI_ARGS`: `KEY=value;KEY=value`. */
export function parseCniArgs(text: string): ReadonlyMap<string, string> {
  const pairs = text
    .split(';')
    .map((pair) => [pair.slice(0, Math.max(0, pair.indexOf('='))), pair.slice(pair.indexOf('=') + 1)] as const);
  return new Map(pairs.filter(([key]) => key !== ''));
}

/** The addresses that the plugins before us gave the pod. */
export function ipsOfResult(prevResult: unknown): readonly string[] {
  const ips = (prevResult as { ips?: unknown } | null | undefined)?.ips;
  if (!Array.isArray(ips)) return [];
  return ips.flatMap((entry: unknown) => {
    const address = (entry as { address?: unknown } | null)?.address;
    return typeof address === 'string' ? [address.split('/')[0]!] : [];
  });
}
