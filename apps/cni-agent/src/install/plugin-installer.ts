import {
  chmodSync,
  copyFileSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { toError, type Clock } from '@weft/result';
import type { Logger, Service } from '@weft/runtime';
import type { CniAgentConfig } from '../config.js';
import type { EnrolmentMetrics } from '../enrolment/enrolment-metrics.js';
import { formatPluginKubeconfig, PLUGIN_KUBECONFIG, type PluginKubeconfig } from '../plugin/plugin-kubeconfig.js';
import { chainPlugin, PLUGIN_TYPE, primaryConfigName, unchainPlugin } from './cni-chain.js';

const CHECK_EVERY_MS = 2000;

export interface PluginInstallerOptions {
  readonly config: Pick<
    CniAgentConfig,
    'netDir' | 'binDir' | 'hostBinDir' | 'runDir' | 'hostRunDir' | 'confName' | 'excludedNamespaces' | 'systemNamespace'
  >;
  /** The bundled plugin. */
  readonly bundle: string;
  /** A `node` on the host that runs it; null copies this process's own beside the plugin. */
  readonly hostNode: string | null;
  /** Fresh credentials of this agent. */
  readonly kubeconfig: () => PluginKubeconfig;
  /** Asked at the end: false when another agent takes over and the plugin must stay. */
  readonly shouldUninstall: () => Promise<boolean>;
  readonly onInstalled: (installed: boolean) => void;
  readonly clock: Clock;
  readonly metrics: EnrolmentMetrics;
  readonly log: Logger;
}

/** Puts the plugin and its kubeconfig on the node and keeps the node's CNI chain in shape. */
export class PluginInstaller implements Service {
  readonly name = 'CNI plugin installer';
  #cancel: () => void = () => undefined;
  #installed = false;
  #complaint = '';

  constructor(private readonly options: PluginInstallerOptions) {}

  start(): Promise<void> {
    this.#copyProgram();
    this.#check();
    return Promise.resolve();
  }

  async stop(): Promise<void> {
    this.#cancel();
    if (!(await this.options.shouldUninstall())) {
      this.options.log.info('the plugin stays: another agent takes over');
      return;
    }
    this.#uninstall();
  }

  #check(): void {
    const { clock, log, metrics, onInstalled } = this.options;
    try {
      this.#writeKubeconfig();
      this.#chain();
      if (!this.#installed) metrics.installs.inc({ result: 'SUCCESS' });
      this.#installed = true;
      this.#complaint = '';
    } catch (thrown) {
      const { message } = toError(thrown);
      if (message !== this.#complaint)
        log.warn({ err: toError(thrown) }, 'the CNI plugin is not installed, it is tried again');
      this.#complaint = message;
      this.#installed = false;
    }
    onInstalled(this.#installed);
    this.#cancel = clock.after(CHECK_EVERY_MS, () => this.#check());
  }

  #copyProgram(): void {
    const { config, bundle, hostNode } = this.options;
    mkdirSync(config.binDir, { recursive: true });
    const node = hostNode ?? join(config.hostBinDir, `${PLUGIN_TYPE}-node`);
    if (hostNode === null)
      replaceFile(join(config.binDir, `${PLUGIN_TYPE}-node`), (path) => copyFileSync(process.execPath, path), 0o755);
    replaceFile(join(config.binDir, `${PLUGIN_TYPE}.cjs`), (path) => copyFileSync(bundle, path), 0o644);
    const script = `#!/bin/sh\nexec '${node}' '${join(config.hostBinDir, `${PLUGIN_TYPE}.cjs`)}'\n`;
    replaceFile(join(config.binDir, PLUGIN_TYPE), (path) => writeFileSync(path, script), 0o755);
  }

  #writeKubeconfig(): void {
    const { config, kubeconfig } = this.options;
    const path = join(config.runDir, PLUGIN_KUBECONFIG);
    const text = formatPluginKubeconfig(kubeconfig());
    if (read(path) !== text) replaceFile(path, (temporary) => writeFileSync(temporary, text, { mode: 0o600 }), 0o600);
  }

  #chain(): void {
    const { config } = this.options;
    const fileName = primaryConfigName(readdirSync(config.netDir), config.confName);
    if (fileName === undefined)
      throw new Error(`no CNI configuration in ${config.netDir} yet; is the primary CNI plugin running?`);
    const text = readFileSync(join(config.netDir, fileName), 'utf8');
    const chained = chainPlugin(fileName, text, {
      cni_agent_run_dir: config.hostRunDir,
      ambient_enabled: true,
      exclude_namespaces: [...config.excludedNamespaces],
      pod_namespace: config.systemNamespace,
    });
    if (!chained.ok) throw new Error(chained.error);
    if (chained.value.text === text && chained.value.fileName === fileName) return;
    replaceFile(join(config.netDir, chained.value.fileName), (path) => writeFileSync(path, chained.value.text), 0o600);
    if (chained.value.fileName !== fileName) rmSync(join(config.netDir, fileName));
    this.options.log.info({ file: chained.value.fileName }, 'CNI plugin chained');
  }

  #uninstall(): void {
    const { config, log } = this.options;
    for (const fileName of readdirSync(config.netDir)) {
      const path = join(config.netDir, fileName);
      const without = /\.conflist$/.test(fileName) ? unchainPlugin(read(path) ?? '') : null;
      if (without !== null) replaceFile(path, (temporary) => writeFileSync(temporary, without), 0o600);
    }
    for (const name of [PLUGIN_TYPE, `${PLUGIN_TYPE}.cjs`, `${PLUGIN_TYPE}-node`])
      rmSync(join(config.binDir, name), { force: true });
    rmSync(join(config.runDir, PLUGIN_KUBECONFIG), { force: true });
    log.info('CNI plugin removed from the node');
  }
}

function read(path: string): string | null {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return null;
  }
}

/** Writes beside and renames, so that nobody ever reads half a file. */
function replaceFile(path: string, write: (temporary: string) => void, mode: number): void {
  const temporary = `${path}.${process.pid}.tmp`;
  write(temporary);
  chmodSync(temporary, mode);
  renameSync(temporary, path);
}
