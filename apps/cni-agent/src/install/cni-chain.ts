import { err, ok, type Result } from '@weft/result';

export const PLUGIN_TYPE = 'istio-cni';

type Json = Readonly<Record<string, unknown>>;

export interface ChainedConfig {
  /** A plain `.conf` becomes a `.conflist`. */
  readonly fileName: string;
  readonly text: string;
}

/**
 * Adds our plugin at the end of a node's CNI configuration, or replaces the entry that is there. What the primary plugin
 * wrote is kept as it is. An error says what is wrong with the file.
 */
export function chainPlugin(fileName: string, text: string, plugin: Json): Result<ChainedConfig, string> {
  const parsed = parse(text);
  if (!parsed.ok) return err(`${fileName} ${parsed.error}`);
  const config = parsed.value;
  const isList = Array.isArray(config['plugins']);
  const existing = (isList ? config['plugins'] : [config]) as readonly Json[];
  if (!isList && typeof config['type'] !== 'string') return err(`${fileName} has neither "plugins" nor "type"`);
  const others = existing.filter(({ type }) => type !== PLUGIN_TYPE);
  if (others.length === 0) return err(`${fileName} has no plugin that ours could be chained after`);
  const list = isList ? config : { name: 'k8s-pod-network', cniVersion: config['cniVersion'] ?? '0.3.1' };
  const chained = { ...list, plugins: [...others, { type: PLUGIN_TYPE, name: PLUGIN_TYPE, ...plugin }] };
  return ok({ fileName: fileName.replace(/\.conf$/, '.conflist'), text: JSON.stringify(chained, null, 2) + '\n' });
}

/** Takes our plugin out again; null if it is not in there. */
export function unchainPlugin(text: string): string | null {
  const parsed = parse(text);
  const plugins = parsed.ok ? parsed.value['plugins'] : undefined;
  if (!parsed.ok || !Array.isArray(plugins)) return null;
  const others = (plugins as readonly Json[]).filter(({ type }) => type !== PLUGIN_TYPE);
  return others.length === plugins.length ? null : JSON.stringify({ ...parsed.value, plugins: others }, null, 2) + '\n';
}

/** The file a container runtime takes: the first valid one by name, our preference first. */
export function primaryConfigName(fileNames: readonly string[], preferred: string | undefined): string | undefined {
  const candidates = fileNames.filter((name) => /\.conf(list)?$/.test(name)).sort();
  if (preferred === undefined) return candidates[0];
  const other = preferred.endsWith('.conflist') ? preferred.replace(/list$/, '') : `${preferred}list`;
  return [preferred, other].find((name) => candidates.includes(name));
}

function parse(text: string): Result<Json, string> {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? ok(value as Json)
      : err('is not a JSON object');
  } catch {
    return err('is not JSON');
  }
}
