import type { ChildProcess } from 'node:child_process';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { cpus, totalmem } from 'node:os';
import { join } from 'node:path';
import { CONFIG_MAPS, KubeClient, PODS, SECRETS } from '@weft/kube';
import { warmThreadPool } from '@weft/linux';
import { toError } from '@weft/result';
import { startAll, systemClock, type Logger, type Service } from '@weft/runtime';
import { ApiServer } from '@weft/testing-kube-apiserver';
import { Controllers } from '@weft/testing-kube-controllers';
import { findCniPlugins, installBaseNetwork } from '../cni/base-network.js';
import type { ClusterStatus } from '../control/control-message.js';
import { ControlServer, type ControlledCluster } from '../control/control-server.js';
import { KubeletGateway } from '../kubelet/kubelet-gateway.js';
import type { KubeletContext } from '../kubelet/kubelet-context.js';
import { Kubelet, type KubeletSources } from '../kubelet/kubelet.js';
import type { ObjectSource } from '../kubelet/object-source.js';
import { ProbeRunner } from '../kubelet/probe-runner.js';
import { ClusterNode, NODE_ENV } from '../node/cluster-node.js';
import { NodeDialer } from '../node/node-dialer.js';
import { NodeRegistration } from '../node/node-registration.js';
import { probeRootFileSystem } from '../node/root-file-system.js';
import { Sandboxes } from '../node/sandbox.js';
import { Limiter } from '../process/limiter.js';
import { PipePool } from '../process/pipe-pool.js';
import { mustRun } from '../process/run-command.js';
import { Spawner } from '../process/spawner.js';
import { startClusterNetwork } from './cluster-network.js';
import {
  checkClusterOptions,
  planNetwork,
  planNodes,
  type ClusterOptions,
  type NetworkPlan,
} from './cluster-options.js';
import { ClusterStartError } from './cluster-start-error.js';
import { Fabric } from './fabric.js';
import { Progress } from './progress.js';
import { CONTROL_SOCKET, KUBECONFIG_FILE, LOG_DIRECTORY } from './state-files.js';

const RUNTIME_DIRECTORY = '/run/weft';
const DEFAULT_LOG_BYTES = 10 * 1024 * 1024;
const STOP_MS = 3_000;
const SYNC_DEADLINE_MS = 30_000;

export interface LocalClusterOptions extends ClusterOptions {
  readonly log: Logger;
  /** A listening socket of the host for its kubectl, and the port that it has there. */
  readonly hostListener?: { readonly fd: number; readonly port: number } | undefined;
  /** Asked to end the process, by the control socket. */
  readonly onShutDown?: () => void;
}

/**
 * A whole cluster inside this process's own network, mount and pid namespaces: API server, controllers, network, nodes and their
 * kubelets. Expects to be alone there (see `spawnCluster`); what it makes goes away with those namespaces.
 */
export class LocalCluster implements Service, ControlledCluster {
  readonly name: string;
  readonly #progress = new Progress();
  readonly #control: ControlServer;
  readonly #kubelets: Kubelet[] = [];
  readonly #spawner = new Spawner();
  readonly #network: NetworkPlan;
  #nodes: readonly ClusterNode[] = [];
  #stop: (() => Promise<void>) | null = null;

  /** Throws ClusterOptionsError. */
  constructor(private readonly options: LocalClusterOptions) {
    checkClusterOptions(options);
    this.#network = planNetwork(options.ipFamily);
    this.name = `local cluster ${options.name}`;
    this.#control = new ControlServer(join(options.stateDir, CONTROL_SOCKET), this, options.log);
  }

  /** Resolves when nodes are registered and kubelets watch. Throws ClusterStartError. */
  async start(): Promise<void> {
    await this.#control.start();
    try {
      await this.#build();
      this.#progress.finish(null);
    } catch (thrown) {
      const message = `${this.#progress.current}: ${toError(thrown).message}`;
      this.#progress.finish(message);
      throw new ClusterStartError(message, { cause: thrown });
    }
  }

  async stop(): Promise<void> {
    await this.#stop?.();
    this.#spawner.stop();
    await this.#control.stop();
  }

  status(): ClusterStatus {
    const { name, stateDir } = this.options;
    const nodes = this.#nodes.map(({ plan }) => ({ name: plan.name, address: plan.address, podCidr: plan.podCidr }));
    return { name, phase: this.#progress.phase, nodes, kubeconfigPath: join(stateDir, KUBECONFIG_FILE) };
  }

  watchProgress(onStep: (step: string) => void, done: (failure: string | null) => void): void {
    this.#progress.watch(onStep, done);
  }

  spawnOnNode(node: string, argv: readonly string[], env: Readonly<Record<string, string>> | undefined): ChildProcess {
    const found = this.#nodes.find(({ name }) => name === node);
    if (found === undefined)
      throw new ClusterStartError(`no node ${node}; there are ${this.#nodes.map(({ name }) => name).join(', ')}`);
    return found.spawn(argv, { env: { ...NODE_ENV, ...env }, stdio: ['pipe', 'pipe', 'pipe'] });
  }

  shutDown(): void {
    this.options.onShutDown?.();
  }

  async #build(): Promise<void> {
    const { options } = this;
    const step = (text: string): void => this.#progress.step(text);
    await warmThreadPool();
    step('preparing file systems');
    await mustRun(['mount', '-t', 'tmpfs', '-o', 'mode=755', 'run', '/run']);
    await mkdir(join(RUNTIME_DIRECTORY, 'probe'), { recursive: true });
    const rootFileSystem = await probeRootFileSystem(join(RUNTIME_DIRECTORY, 'probe'), options.sharedPaths);
    const plugins = await findCniPlugins();
    step('connecting nodes');
    const plans = planNodes(options.nodes, this.#network);
    await new Fabric(plans, this.#network).build();
    this.#nodes = plans.map(
      (plan) => new ClusterNode(plan, join(RUNTIME_DIRECTORY, 'nodes'), rootFileSystem, this.#spawner),
    );
    const gateway = new KubeletGateway(() => this.#kubelets);
    const api = this.#apiServer(gateway);
    step('starting the API server and nodes');
    const built = this.#nodes.map(async (node) => {
      await node.build();
      const bin = join(node.directory, 'opt-cni/bin');
      await installBaseNetwork(node.plan, { plugins, bin, config: node.networkConfigDirectory });
    });
    const stopApi = await startAll([api], STOP_MS);
    const stops = [stopApi];
    this.#stop = async () => {
      for (const stop of stops.splice(0).reverse()) await stop();
    };
    await Promise.all(built);
    const kube = (component: string): KubeClient =>
      KubeClient.fromKubeconfig(api.adminKubeconfig(this.#insideUrl), {
        component,
        log: options.log,
      });
    step('starting controllers and kubelets');
    await this.#writeKubeconfig(api);
    const controllers = new Controllers({
      kube: kube('kube-controller-manager'),
      log: options.log,
      clock: systemClock,
    });
    const [stopControllers, stopNetwork, stopKubelets] = await Promise.all([
      startAll([controllers], STOP_MS),
      startClusterNetwork({
        kube: kube('cluster-network'),
        nodes: this.#nodes,
        network: this.#network,
        log: options.log,
      }),
      this.#startKubelets(kube('kubelet')),
    ]);
    stops.push(stopControllers, stopNetwork, stopKubelets);
  }

  #apiServer(kubelet: KubeletGateway): ApiServer {
    const { hostListener, persistFile, log, name } = this.options;
    return new ApiServer({
      listeners: [
        ...this.#network.families.map(({ rootAddress }) => ({ host: rootAddress, port: this.#network.apiPort })),
        ...(hostListener === undefined ? [] : [{ fd: hostListener.fd }]),
      ],
      serviceCidr: this.#network.families.map(({ serviceCidr }) => serviceCidr).join(','),
      clusterDomain: this.#network.clusterDomain,
      advertise: { host: this.#network.primary.rootAddress, port: this.#network.apiPort },
      clusterName: name,
      kubelet,
      log: log.child({ part: 'kube-apiserver' }),
      ...(persistFile === undefined ? {} : { persistFile }),
    });
  }

  async #startKubelets(kube: KubeClient): Promise<() => Promise<void>> {
    const { options } = this;
    const sources: KubeletSources = {
      pods: kube.informer(PODS),
      configMaps: kube.informer(CONFIG_MAPS),
      secrets: kube.informer(SECRETS),
    };
    const informers = [sources.pods, sources.configMaps, sources.secrets];
    for (const informer of informers) await informer.start();
    await withDeadline(
      Promise.all(informers.map(({ synced }) => synced)),
      'the first lists of pods, configmaps and secrets',
    );
    const shared = await this.#sharedContext(kube, sources);
    const registrations: Service[] = [];
    for (const node of this.#nodes) {
      const context: KubeletContext = {
        ...shared,
        host: { ...shared.host, node },
        sandboxes: new Sandboxes(node),
        probes: new ProbeRunner(new NodeDialer(node.netnsPath)),
        logDirectory: join(options.stateDir, LOG_DIRECTORY, node.name),
      };
      this.#kubelets.push(new Kubelet(context, sources));
      registrations.push(new NodeRegistration({ kube, plan: node.plan, clock: systemClock, log: options.log }));
    }
    return startAll([...informers.map(afterStart), ...this.#kubelets, ...registrations], STOP_MS);
  }

  async #sharedContext(kube: KubeClient, sources: KubeletSources) {
    const { options } = this;
    const objects: ObjectSource = {
      configMap: (namespace, name) => sources.configMaps.get(namespace, name),
      secret: (namespace, name) => sources.secrets.get(namespace, name),
    };
    return {
      kube,
      clock: systemClock,
      log: options.log.child({ part: 'kubelet' }),
      objects,
      host: {
        pipes: new PipePool(join(RUNTIME_DIRECTORY, 'pipes')),
        rootless: await isRootless(),
        now: () => systemClock.now(),
      },
      sandboxLimit: new Limiter(8),
      startLimit: new Limiter(4),
      images: options.images ?? {},
      logFileBytes: options.logFileBytes ?? DEFAULT_LOG_BYTES,
      clusterDomain: this.#network.clusterDomain,
      dnsAddress: this.#network.primary.dnsAddress,
      kubernetes: { host: this.#network.primary.kubernetesAddress, port: 443 },
      hostResolvConf: await readFile('/etc/resolv.conf', 'utf8').catch(() => ''),
      nodeCpus: cpus().length,
      nodeMemoryBytes: totalmem(),
    };
  }

  get #insideUrl(): string {
    const { primary, apiPort } = this.#network;
    return `https://${primary.family === 6 ? `[${primary.rootAddress}]` : primary.rootAddress}:${apiPort}`;
  }

  async #writeKubeconfig(api: ApiServer): Promise<void> {
    const { hostListener, stateDir } = this.options;
    const url = hostListener === undefined ? this.#insideUrl : `https://127.0.0.1:${hostListener.port}`;
    await writeFile(join(stateDir, KUBECONFIG_FILE), api.adminKubeconfig(url), { mode: 0o600 });
  }
}

/** A service that was started already: only its stop is wanted. */
const afterStart = (service: Service): Service => ({
  name: service.name,
  start: () => Promise.resolve(),
  stop: (hard) => service.stop(hard),
});

async function withDeadline(promise: Promise<unknown>, what: string): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(
      () => reject(new ClusterStartError(`no ${what} within ${SYNC_DEADLINE_MS} ms`)),
      SYNC_DEADLINE_MS,
    );
  });
  await Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

/** Whether root here is somebody else outside: then there is one user only. */
async function isRootless(): Promise<boolean> {
  const map = (await readFile('/proc/self/uid_map', 'utf8')).trim().split(/\s+/);
  return !(map[0] === '0' && map[1] === '0' && Number(map[2]) >= 65_536);
}
