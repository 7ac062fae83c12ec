import { err, ok, type Result } from '@weft/result';

export interface PluginConfig {
  readonly type: string;
  readonly [field: string]: unknown;
}

/** A network configuration list, as CNI 1.0 section 1 defines it. */
export interface NetworkConfigList {
  readonly name: string;
  readonly cniVersion: string;
  readonly plugins: readonly PluginConfig[];
  /** The file it came from. */
  readonly file: string;
}

/** Reads one file of /etc/cni/net.d: a list (`.conflist`), or a single plugin (`.conf`, `.json`), which becomes a list of one. */
export function parseNetworkConfig(file: string, text: string): Result<NetworkConfigList, string> {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch (thrown) {
    return err(`${file}: not JSON: ${(thrown as Error).message}`);
  }
  if (!isRecord(parsed)) return err(`${file}: want a JSON object`);
  const { name, cniVersion = '0.2.0' } = parsed;
  if (typeof name !== 'string' || name === '') return err(`${file}: name is missing`);
  if (typeof cniVersion !== 'string') return err(`${file}: cniVersion must be a string`);
  const plugins: unknown = file.endsWith('.conflist') ? parsed['plugins'] : [parsed];
  if (!Array.isArray(plugins) || plugins.length === 0)
    return err(`${file}: plugins must be a list with at least one entry`);
  if (!plugins.every(isPluginConfig)) return err(`${file}: each entry of plugins needs a type`);
  return ok({ name, cniVersion, plugins, file });
}

/**
 * The configuration that a container runtime uses: the first readable file in lexicographic order. Files it could not read
 * before that one are reported.
 */
export function chooseNetworkConfig(files: ReadonlyMap<string, string>): {
  readonly config: NetworkConfigList | null;
  readonly problems: readonly string[];
} {
  const problems: string[] = [];
  const names = [...files.keys()].filter((name) => /\.(conflist|conf|json)$/.test(name)).sort();
  for (const name of names) {
    const parsed = parseNetworkConfig(name, files.get(name)!);
    if (parsed.ok) return { config: parsed.value, problems };
    problems.push(parsed.error);
  }
  return { config: null, problems };
}

/** What one plugin reads on its standard input (CNI 1.0 section 4, "Deriving execution configuration"). */
export function executionConfig(list: NetworkConfigList, plugin: PluginConfig, previous: object | null): string {
  const rest = Object.fromEntries(Object.entries(plugin).filter(([key]) => key !== 'capabilities'));
  return JSON.stringify({
    ...rest,
    name: list.name,
    cniVersion: list.cniVersion,
    ...(previous === null ? {} : { prevResult: previous }),
  });
}

export const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const isPluginConfig = (value: unknown): value is PluginConfig =>
  isRecord(value) && typeof value['type'] === 'string' && /^[A-Za-z0-9][-_.A-Za-z0-9]*$/.test(value['type']);
