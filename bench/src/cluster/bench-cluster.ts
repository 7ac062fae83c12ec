import { readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { KubeClient, PODS, SERVICES, type KubeObject } from '@weft/kube';
import { MeshError } from '@weft/result';
import { spawnCluster, type ClusterHandle } from '@weft/testing-local-cluster';
import { installMesh } from '@weft/testing-mesh-deployment';
import { cpuSecondsByPattern, residentMiB } from './cpu-time.js';

const READY_MS = 90_000;

/** `BENCH_FAILED`: a load or a step around it did not work; the message holds its output. */
export class BenchError extends MeshError {
  readonly code = 'BENCH_FAILED';
}

export interface BenchClusterOptions {
  readonly root: string;
  readonly onProgress: (step: string) => void;
  readonly objects: readonly KubeObject[];
  /** Their pods have to be ready. */
  readonly namespaces: readonly string[];
}

/** A two-node cluster of its own with the mesh and the programs of a suite; gone when the bench ends. */
export class BenchCluster {
  readonly #netns = new Map<string, string>();

  private constructor(
    private readonly handle: ClusterHandle,
    readonly kube: KubeClient,
  ) {}

  static async start({ root, onProgress, objects, namespaces }: BenchClusterOptions): Promise<BenchCluster> {
    const name = `bench-${process.pid}`;
    const handle = await spawnCluster({
      name,
      stateDir: join(homedir(), '.weft', name),
      entry: join(root, 'dist/apps/weft/cluster.cjs'),
      sharedPaths: [root],
      nodes: [{ name: 'node-1' }, { name: 'node-2' }],
      lifetime: 'bound',
      onProgress,
    });
    const cluster = new BenchCluster(handle, KubeClient.fromKubeconfig(readFileSync(handle.kubeconfigPath, 'utf8')));
    try {
      onProgress('installing the mesh');
      const deployer = await installMesh(cluster.kube, { root, timeoutMs: READY_MS });
      await deployer.apply(objects);
      onProgress('starting the servers');
      await deployer.waitReady([...namespaces], READY_MS);
      return cluster;
    } catch (thrown) {
      await cluster.stop();
      throw thrown;
    }
  }

  async stop(): Promise<void> {
    this.kube.close();
    await this.handle.stop();
  }

  async serviceAddress(peer: string, name: string): Promise<string> {
    const service = await this.kube.get(SERVICES, peer, name);
    return service?.spec?.clusterIP ?? '';
  }

  /** Runs a program in the network of the peer's client pod; its stdout. */
  async runInClient(peer: string, argv: readonly string[]): Promise<string> {
    const netns = this.#netns.get(peer) ?? (await this.#findNetns(peer));
    const { code, stdout, stderr } = await this.handle.nodeExec('node-1', ['ip', 'netns', 'exec', netns, ...argv], {
      timeoutMs: 180_000,
    });
    if (code !== 0) throw new BenchError(`${argv.join(' ')} ended with ${code}: ${stderr.slice(-500)}`);
    return stdout;
  }

  /** CPU seconds that ztunnel of each node has used so far, children included. */
  async meshCpu(): Promise<{ readonly source: number; readonly destination: number }> {
    const [source, destination] = await Promise.all(
      ['node-1', 'node-2'].map(async (node) => this.#ztunnel(node, cpuSecondsByPattern)),
    );
    return { source: source!, destination: destination! };
  }

  async meshResidentMiB(): Promise<{ readonly source: number; readonly destination: number }> {
    const [source, destination] = await Promise.all(
      ['node-1', 'node-2'].map(async (node) => this.#ztunnel(node, residentMiB)),
    );
    return { source: source!, destination: destination! };
  }

  /** CPU seconds of the server that has `marker` in its command line. */
  serverCpu(marker: string): Promise<number> {
    return cpuSecondsByPattern((argv) => this.#exec(argv), marker);
  }

  /** CPU seconds that the processes with `marker` in their command line have used so far, in one pod or in all. */
  cpuOf(marker: string, pod?: string): Promise<number> {
    return cpuSecondsByPattern((argv) => this.#exec(argv), marker, pod);
  }

  /** Of the one pod of an application. */
  async podOf(namespace: string, labelSelector: string): Promise<{ readonly name: string; readonly ip: string }> {
    const [pod] = await this.kube.list(PODS, { namespace, labelSelector });
    return { name: pod?.metadata?.name ?? '', ip: pod?.status?.podIP ?? '' };
  }

  async #ztunnel(node: string, read: typeof cpuSecondsByPattern): Promise<number> {
    const pods = await this.kube.list(PODS, { namespace: 'istio-system', labelSelector: 'app=ztunnel' });
    const pod = pods.find(({ spec }) => spec?.nodeName === node);
    return read((argv) => this.#exec(argv), `ztunnel/main.cjs`, pod?.metadata?.name);
  }

  async #exec(argv: readonly string[]): Promise<string> {
    return (await this.handle.nodeExec('node-1', argv)).stdout;
  }

  async #findNetns(peer: string): Promise<string> {
    const [pod] = await this.kube.list(PODS, { namespace: peer, labelSelector: 'app=client' });
    const ip = pod?.status?.podIP ?? '';
    const script = `for name in $(ls /run/netns); do ip netns exec $name ip -o -4 addr show 2>/dev/null | grep -q " ${ip}/" && echo $name; done`;
    const name = (await this.#exec(['sh', '-c', script])).trim().split('\n')[0] ?? '';
    if (name === '') throw new BenchError(`no network namespace on node-1 holds ${ip}, the client of ${peer}`);
    this.#netns.set(peer, name);
    return name;
  }
}
