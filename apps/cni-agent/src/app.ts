import { join } from 'node:path';
import { PodRedirection, ProbeBypass, runCommand, warmThreadPool } from '@weft/linux';
import { DAEMON_SETS, NAMESPACES, PODS, type KubeClient } from '@weft/kube';
import type { Clock } from '@weft/result';
import { AdminServer, Readiness, type Logger, type Service, everyAddress } from '@weft/runtime';
import { collectDefaultMetrics, Registry } from 'prom-client';
import { detectBackend } from './backend-detector.js';
import type { CniAgentConfig } from './config.js';
import { EnrolmentMetrics } from './enrolment/enrolment-metrics.js';
import { NetnsFinder } from './enrolment/netns-finder.js';
import { PodEnroller } from './enrolment/pod-enroller.js';
import { PluginInstaller } from './install/plugin-installer.js';
import { PluginServer } from './plugin/plugin-server.js';
import type { PluginKubeconfig } from './plugin/plugin-kubeconfig.js';
import { ZdsServer } from './zds/zds-server.js';

export interface CniAgentPorts {
  readonly kube: KubeClient;
  readonly clock: Clock;
  readonly log: Logger;
  readonly kubeconfig: () => PluginKubeconfig;
  readonly pluginBundle: string;
  readonly hostNode: string | null;
}

/** The one composition root of the agent: services in the order in which they start. */
export async function createCniAgentApp(config: CniAgentConfig, ports: CniAgentPorts): Promise<readonly Service[]> {
  const { kube, clock, log, kubeconfig, pluginBundle, hostNode } = ports;
  await warmThreadPool();
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const metrics = new EnrolmentMetrics(registry);
  const readiness = new Readiness(['pods synced', 'ZDS socket', 'CNI plugin']);
  const backend = config.backend === 'detect' ? await detectBackend(runCommand) : config.backend;
  log.info({ backend, families: config.families }, 'redirection backend');

  const pods = kube.informer(PODS, { fieldSelector: `spec.nodeName=${config.nodeName}` });
  const namespaces = kube.informer(NAMESPACES);
  const rules = { run: runCommand, backend, families: config.families, probeSources: config.probeSources };
  const probes = new ProbeBypass(rules);
  const finder = new NetnsFinder(config.hostPrefix);
  const redirection = new PodRedirection(runCommand, backend);
  const enroller: PodEnroller = new PodEnroller({
    config,
    kube,
    pods,
    namespaces,
    redirection,
    probes,
    finder,
    zds: () => zds,
    clock,
    metrics,
    log,
  });
  const zds: ZdsServer = new ZdsServer({
    path: config.zdsSocket,
    snapshot: enroller,
    clock,
    log,
    onConnected: (connections) => metrics.ztunnelConnected.set(connections),
  });
  const plugin = new PluginServer({ runDir: config.runDir, pods, enroller, clock, metrics, log });
  const installer = new PluginInstaller({
    config,
    bundle: pluginBundle,
    hostNode,
    kubeconfig,
    shouldUninstall: () => agentWasRemoved(kube, config),
    onInstalled: (installed) => (installed ? readiness.done('CNI plugin') : readiness.pend('CNI plugin')),
    clock,
    metrics,
    log,
  });
  const done = (task: string): Promise<void> => {
    readiness.done(task);
    return Promise.resolve();
  };
  const step = (name: string, start: () => Promise<void>): Service => ({ name, start, stop: () => Promise.resolve() });
  return [
    new AdminServer({ name: 'health', host: everyAddress(), port: config.healthPort, readiness }),
    new AdminServer({ name: 'metrics', host: everyAddress(), port: config.monitoringPort, registry }),
    pods,
    namespaces,
    step('first list', async () => {
      await Promise.all([pods.synced, namespaces.synced]);
      readiness.done('pods synced');
    }),
    step('probe bypass', () => probes.install()),
    // ztunnel may connect from here on; the pods that are there already join as they are looked at.
    zds,
    enroller,
    step('ZDS socket ready', () => done('ZDS socket')),
    plugin,
    ...(config.installPlugin ? [installer] : [step('no plugin', () => done('CNI plugin'))]),
  ];
}

/** True when the DaemonSet that this pod belongs to is gone or going: then, and only then, the node is cleaned. */
async function agentWasRemoved(kube: KubeClient, { systemNamespace }: CniAgentConfig): Promise<boolean> {
  try {
    const daemonSet = await kube.get(DAEMON_SETS, systemNamespace, 'weft-cni-node');
    return daemonSet === null || daemonSet.metadata?.deletionTimestamp !== undefined;
  } catch {
    return false; // unknown: leaving the plugin in place fails closed
  }
}

/** The plugin bundle lies beside this program. */
export const pluginBundleBeside = (folder: string): string => join(folder, 'plugin.cjs');
