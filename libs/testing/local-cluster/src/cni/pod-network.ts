import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { MeshError } from '@weft/result';
import { NODE_ENV } from '../node/cluster-node.js';
import type { CommandOptions, CommandResult } from '../process/run-command.js';
import { describeCniFailure, parseCniResult, type CniResult } from './cni-result.js';
import { chooseNetworkConfig, executionConfig, type NetworkConfigList, type PluginConfig } from './network-config.js';

/** The node as the network needs it. */
export interface CniHost {
  readonly networkConfigDirectory: string;
  run(argv: readonly string[], options?: CommandOptions): Promise<CommandResult>;
}

export interface SandboxId {
  readonly containerId: string;
  /** As the node sees it. */
  readonly netnsPath: string;
  readonly namespace: string;
  readonly pod: string;
  readonly uid: string;
}

/** What an ADD left behind and a DEL needs. */
export interface Attachment {
  readonly config: NetworkConfigList;
  readonly result: CniResult;
}

/** The network could not be set up; the message names the plugin and gives its words. */
export class CniError extends MeshError {
  readonly code = 'CLUSTER_CNI_FAILED';
}

const PLUGIN_PATH = '/opt/cni/bin';
/** A chained plugin may wait for its agent for half a minute. */
const PLUGIN_TIMEOUT_MS = 120_000;

/** Calls CNI plugins the way a container runtime does (CNI 1.0 sections 2 to 5). */
export class PodNetwork {
  constructor(private readonly host: CniHost) {}

  /**
   * ADD of each plugin in order, each reading the result of the one before. When one fails, all are asked to DEL, last one
   * first, and CniError is thrown. The configuration is read anew at each call.
   */
  async add(sandbox: SandboxId, signal?: AbortSignal): Promise<Attachment> {
    const config = await this.#readConfig();
    let result: CniResult | null = null;
    for (const plugin of config.plugins) {
      const ran = await this.#call('ADD', config, plugin, sandbox, { previous: result, signal });
      const parsed = ran.code === 0 ? parseCniResult(ran.stdout) : null;
      if (parsed?.ok === true) {
        result = parsed.value;
        continue;
      }
      await this.#deleteAll(config, sandbox, result);
      const why = parsed === null ? describeCniFailure(ran.stdout, ran.stderr, ran.code) : parsed.error;
      throw new CniError(`plugin type="${plugin.type}" name="${config.name}" failed (add): ${why}`);
    }
    return { config, result: result! };
  }

  /** DEL of each plugin, last one first, with the configuration of the ADD. Returns what went wrong; a sandbox goes anyway. */
  remove(sandbox: SandboxId, { config, result }: Attachment): Promise<readonly string[]> {
    return this.#deleteAll(config, sandbox, result);
  }

  async #deleteAll(
    config: NetworkConfigList,
    sandbox: SandboxId,
    result: CniResult | null,
  ): Promise<readonly string[]> {
    const problems: string[] = [];
    for (const plugin of [...config.plugins].reverse()) {
      const ran = await this.#call('DEL', config, plugin, sandbox, { previous: result });
      if (ran.code === 0) continue;
      problems.push(
        `plugin type="${plugin.type}" failed (delete): ${describeCniFailure(ran.stdout, ran.stderr, ran.code)}`,
      );
    }
    return problems;
  }

  #call(
    command: 'ADD' | 'DEL',
    config: NetworkConfigList,
    plugin: PluginConfig,
    sandbox: SandboxId,
    { previous, signal }: { readonly previous: CniResult | null; readonly signal?: AbortSignal | undefined },
  ): Promise<CommandResult> {
    return this.host.run([join(PLUGIN_PATH, plugin.type)], {
      stdin: executionConfig(config, plugin, previous?.raw ?? null),
      timeoutMs: PLUGIN_TIMEOUT_MS,
      signal,
      env: {
        ...NODE_ENV,
        CNI_COMMAND: command,
        CNI_CONTAINERID: sandbox.containerId,
        CNI_NETNS: sandbox.netnsPath,
        CNI_IFNAME: 'eth0',
        CNI_PATH: PLUGIN_PATH,
        CNI_ARGS: [
          'IgnoreUnknown=1',
          `K8S_POD_NAMESPACE=${sandbox.namespace}`,
          `K8S_POD_NAME=${sandbox.pod}`,
          `K8S_POD_INFRA_CONTAINER_ID=${sandbox.containerId}`,
          `K8S_POD_UID=${sandbox.uid}`,
        ].join(';'),
      },
    });
  }

  async #readConfig(): Promise<NetworkConfigList> {
    const directory = this.host.networkConfigDirectory;
    const files = new Map<string, string>();
    for (const name of await readdir(directory).catch(() => [])) {
      // A file may vanish while plugins are installed; the next one counts then.
      const text = await readFile(join(directory, name), 'utf8').catch(() => null);
      if (text !== null) files.set(name, text);
    }
    const { config, problems } = chooseNetworkConfig(files);
    if (config !== null) return config;
    const why = problems.length > 0 ? problems.join('; ') : 'no network config found in /etc/cni/net.d';
    throw new CniError(`cni plugin not initialized: ${why}`);
  }
}
