import { mkdtemp } from 'node:fs/promises';
import { readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { KubeClient, PODS, type KubeObject, type Pod } from '@weft/kube';
import { until } from '@weft/testing-fixtures';
import { spawnCluster, type ClusterHandle, type IpFamily, type NodeProcess } from '@weft/testing-local-cluster';
import { installMesh, SYSTEM_NAMESPACE } from '@weft/testing-mesh-deployment';
import type { Cluster, CommandOptions, CommandOutput, MeshComponent, PodRef } from './cluster.js';
import { LinkCapture } from './link-capture.js';
import { PACKET_FILTER, PacketWatch } from './packet-watch.js';
import { runProgram } from './run-program.js';
import { RunningCommand } from './running-command.js';

export const WORKSPACE = resolve(__dirname, '../../..');
const READY_MS = 60_000;

export interface LocalClusterOptions {
  readonly name: string;
  readonly nodes?: number;
  readonly mesh?: boolean;
  /** Default `ipv4`. */
  readonly ipFamily?: IpFamily;
  /** Default: as the mesh has it. */
  readonly dnsCapture?: boolean;
  /** The last word on each object of the mesh before it is applied. */
  readonly change?: (object: KubeObject) => KubeObject;
}

/** A cluster of this machine's network namespaces that ends with the test process, whatever happens to it. */
export async function startLocalCluster({
  name,
  nodes = 2,
  mesh = true,
  ipFamily = 'ipv4',
  dnsCapture = true,
  change,
}: LocalClusterOptions): Promise<LocalTestCluster> {
  const stateDir = await mkdtemp(join(tmpdir(), 'weft-e2e-'));
  const names = Array.from({ length: nodes }, (_, i) => `node-${i + 1}`);
  const handle = await spawnCluster({
    name: `${process.env['WEFT_E2E_PREFIX'] ?? 'e2e'}-${name}`,
    stateDir,
    entry: join(WORKSPACE, 'dist/apps/weft/cluster.cjs'),
    sharedPaths: [WORKSPACE],
    nodes: names.map((node, i) => ({ name: node, region: 'local', zone: `zone-${i + 1}` })),
    ipFamily,
    lifetime: 'bound',
  });
  const cluster = new LocalTestCluster(handle, names);
  try {
    if (mesh)
      await installMesh(cluster.kube, { root: WORKSPACE, timeoutMs: READY_MS, dnsCapture, ...(change && { change }) });
    return cluster;
  } catch (thrown) {
    await cluster[Symbol.asyncDispose]();
    throw thrown;
  }
}

export class LocalTestCluster implements Cluster {
  readonly kube: KubeClient;
  readonly #running = new Set<RunningCommand>();
  readonly #watches = new Set<PacketWatch>();

  constructor(
    readonly handle: ClusterHandle,
    readonly nodes: readonly string[],
  ) {
    this.kube = KubeClient.fromKubeconfig(readFileSync(handle.kubeconfigPath, 'utf8'), { component: 'e2e' });
  }

  get name(): string {
    return this.handle.name;
  }

  get kubeconfigPath(): string {
    return this.handle.kubeconfigPath;
  }

  kubectl(args: readonly string[], options: CommandOptions = {}): Promise<CommandOutput> {
    return runProgram(['kubectl', ...args], options, this.#env);
  }

  async kubectlOk(args: readonly string[], options: CommandOptions = {}): Promise<string> {
    const { code, stdout, stderr } = await this.kubectl(args, options);
    if (code !== 0) throw new Error(`kubectl ${args.join(' ')} ended with ${code}: ${stdout}${stderr}`);
    return stdout;
  }

  kubectlStart(args: readonly string[]): RunningCommand {
    const command = new RunningCommand(['kubectl', ...args], this.#env);
    this.#running.add(command);
    return command;
  }

  async apply(what: string | readonly KubeObject[]): Promise<void> {
    await this.kubectlOk(['apply', '--server-side', '--force-conflicts', '--field-manager=e2e', '-f', '-'], {
      stdin: manifestText(what),
    });
  }

  async delete(what: readonly KubeObject[]): Promise<void> {
    await this.kubectlOk(['delete', '--ignore-not-found', '--wait', '-f', '-'], { stdin: manifestText(what) });
  }

  exec(
    { namespace, pod, container }: PodRef,
    argv: readonly string[],
    options: CommandOptions = {},
  ): Promise<CommandOutput> {
    const input = options.stdin === undefined ? [] : ['-i'];
    const where = container === undefined ? [] : ['-c', container];
    return this.kubectl(['exec', ...input, '-n', namespace, pod, ...where, '--', ...argv], options);
  }

  logs({ namespace, pod, container }: PodRef): Promise<string> {
    return this.kubectlOk(['logs', '-n', namespace, pod, ...(container === undefined ? [] : ['-c', container])]);
  }

  async ready(namespace: string, pods: readonly string[], timeoutMs = READY_MS): Promise<void> {
    const missing = async (): Promise<readonly string[]> => {
      const live = await this.kube.list(PODS, { namespace });
      return pods.filter((name) => !live.some((pod) => pod.metadata?.name === name && isReady(pod)));
    };
    await until(async () => (await missing()).length === 0, 'pods are ready', timeoutMs).catch(async () => {
      const events = await this.kubectl(['get', 'events,pods', '-n', namespace, '-o', 'wide']);
      throw new Error(`not ready after ${timeoutMs} ms: ${(await missing()).join(', ')}\n${events.stdout}`);
    });
  }

  onNode(node: string, argv: readonly string[], options: CommandOptions = {}): Promise<CommandOutput> {
    return this.handle.nodeExec(node, argv, options);
  }

  async watchPackets(): Promise<PacketWatch> {
    const argv = ['tcpdump', '-i', 'any', '-nn', '-tt', '-l', '-s', '96', '--immediate-mode', PACKET_FILTER];
    const watch = new PacketWatch(await Promise.all(this.nodes.map((node) => this.#startDump(node, argv))));
    this.#watches.add(watch);
    return watch;
  }

  async captureLink(node: string): Promise<LinkCapture> {
    const file = `/tmp/link-${Date.now()}.pcap`;
    const argv = ['tcpdump', '-i', 'eth0', '-nn', '-U', '-B', '16384', '-w', file, 'net 10.244.0.0/16'];
    return new LinkCapture(this.handle, node, file, await this.#startDump(node, argv));
  }

  async kill(component: MeshComponent, node?: string): Promise<void> {
    const pods = (
      await this.kube.list(PODS, { namespace: SYSTEM_NAMESPACE, labelSelector: `app=${component}` })
    ).filter(({ spec }) => node === undefined || spec?.nodeName === node);
    for (const { metadata } of pods) {
      // Everything in the pid namespace of the container but the shell that runs this; the exec itself ends badly then.
      await this.exec({ namespace: SYSTEM_NAMESPACE, pod: metadata?.name ?? '' }, ['sh', '-c', 'kill -9 -1']);
    }
  }

  async scale(component: 'weft-ca' | 'weft-control-plane', replicas: number): Promise<void> {
    await this.kubectlOk(['scale', '-n', SYSTEM_NAMESPACE, 'deployment', component, `--replicas=${replicas}`]);
    const selector = { namespace: SYSTEM_NAMESPACE, labelSelector: `app=${component}` };
    const settled = async (): Promise<boolean> => {
      const pods = await this.kube.list(PODS, selector);
      return pods.length === replicas && pods.every(isReady);
    };
    await until(settled, `${component} has ${replicas} pods`, READY_MS);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const watch of this.#watches) watch.stop();
    await Promise.all([...this.#running].map((command) => command.stop('SIGKILL')));
    this.kube.close();
    await this.handle.stop();
  }

  get #env(): NodeJS.ProcessEnv {
    return { ...process.env, KUBECONFIG: this.kubeconfigPath };
  }

  /** tcpdump says on stderr when it listens; before that packets are missed. */
  async #startDump(node: string, argv: readonly string[]): Promise<NodeProcess> {
    const dump = this.handle.nodeSpawn(node, argv);
    let said = '';
    dump.stderr.setEncoding('utf8').on('data', (text: string) => (said += text));
    await until(() => said.includes('listening on'), `tcpdump listens on ${node}`);
    return dump;
  }
}

export function isReady({ metadata, status }: Pod): boolean {
  const ready = status?.conditions?.some(({ type, status: value }) => type === 'Ready' && value === 'True') ?? false;
  return ready && metadata?.deletionTimestamp === undefined;
}

/** Objects as JSON: YAML has more than one opinion on words such as `no`. */
function manifestText(what: string | readonly KubeObject[]): string {
  return typeof what === 'string' ? what : JSON.stringify({ apiVersion: 'v1', kind: 'List', items: what });
}
