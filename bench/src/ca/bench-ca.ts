import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CONFIG_MAPS, KubeClient, NAMESPACES, SERVICE_ACCOUNTS } from '@weft/kube';
import { MeshError } from '@weft/result';
import { createLogger } from '@weft/runtime';
import { ApiServer } from '@weft/testing-kube-apiserver';
import { freePort } from '../free-port.js';
import { Program } from '../l4/program.js';

/** `BENCH_CA_NOT_READY`: the CA process ended, or did not do something in time. */
class CaNotReadyError extends MeshError {
  readonly code = 'BENCH_CA_NOT_READY';
}

export const SYSTEM = 'istio-system';
export const WORKLOADS = 'bench';
const READY_MS = 30_000;

/** Where a pod runs and as whom. */
export interface BenchPod {
  readonly namespace: string;
  readonly name: string;
  readonly serviceAccount: string;
  readonly node: string;
}

/** The CA as it ships, in a process of its own, on an API server in this one. */
export class BenchCa {
  rootsPem = '';

  private constructor(
    private readonly server: ApiServer,
    private readonly kube: KubeClient,
    private readonly program: Program,
    private readonly directory: string,
    readonly port: number,
    private readonly adminPort: number,
  ) {}

  static async start(root: string): Promise<BenchCa> {
    const directory = mkdtempSync(join(tmpdir(), 'weft-bench-ca-'));
    const log = createLogger('bench', 'silent');
    const listeners = [{ host: '127.0.0.1', port: 0 }];
    const server = new ApiServer({ listeners, serviceCidr: '10.96.0.0/16', clusterDomain: 'cluster.local', log });
    await server.start();
    const kubeconfig = server.adminKubeconfig(`https://127.0.0.1:${server.ports[0]!}`);
    writeFileSync(join(directory, 'kubeconfig'), kubeconfig, { mode: 0o600 });
    const kube = KubeClient.fromKubeconfig(kubeconfig);
    for (const name of [SYSTEM, WORKLOADS]) await kube.create(NAMESPACES, { metadata: { name } });
    await kube.createOrGet(SERVICE_ACCOUNTS, { metadata: { namespace: SYSTEM, name: 'ztunnel' } });
    const [port, adminPort] = [await freePort(), await freePort()];
    const program = await Program.start({
      argv: [process.execPath, join(root, 'dist/apps/ca/main.cjs')],
      logPath: join(directory, 'ca.log'),
      netns: null,
      env: {
        ...{ KUBECONFIG: join(directory, 'kubeconfig'), ROOT_CA_DIR: join(directory, 'none'), GRPC_HOST: '127.0.0.1' },
        ...{ GRPC_PORT: String(port), ADMIN_PORT: String(adminPort) },
      },
    });
    const ca = new BenchCa(server, kube, program, directory, port, adminPort);
    await ca.until('ready', async () => (await fetch(`http://127.0.0.1:${adminPort}/readyz`)).ok);
    await ca.until('distributing its root', () => ca.#readRoots());
    return ca;
  }

  get pid(): number {
    return this.program.pid;
  }

  /** Puts pods into the API server without the price of a request for each. Gives their UIDs, in order. */
  addPods(pods: readonly BenchPod[]): readonly string[] {
    const { store } = this.server.cluster;
    const bucket = store.bucket('pods');
    return pods.map(({ namespace, name, serviceAccount: serviceAccountName, node: nodeName }) => {
      const uid = randomUUID();
      store.put(bucket, {
        ...{ apiVersion: 'v1', kind: 'Pod' },
        metadata: {
          namespace,
          name,
          uid,
          creationTimestamp: new Date().toISOString(),
          labels: { app: serviceAccountName },
        },
        spec: { serviceAccountName, nodeName, containers: [{ name: 'app', image: 'registry.example/app:1.0.0' }] },
        status: { phase: 'Running', podIP: '10.0.0.1', conditions: [{ type: 'Ready', status: 'True' }] },
      });
      return uid;
    });
  }

  /** The token that a kubelet projects into a node proxy's pod. */
  async proxyToken(name: string, uid: string): Promise<string> {
    const options = { audiences: ['istio-ca'], expirationSeconds: 3600, boundPod: { name, uid } };
    return (await this.kube.createToken(SYSTEM, 'ztunnel', options)).token;
  }

  /** The sum of a metric's series. */
  async metric(name: string): Promise<number> {
    const text = await (await fetch(`http://127.0.0.1:${this.adminPort}/metrics`)).text();
    const lines = text.split('\n').filter((line) => line.startsWith(`${name} `) || line.startsWith(`${name}{`));
    return lines.reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0);
  }

  async until(what: string, done: () => Promise<boolean>): Promise<void> {
    const deadline = Date.now() + READY_MS;
    while (!(await done().catch(() => false))) {
      const { problem } = this.program;
      if (problem !== null) throw new CaNotReadyError(`the CA ${problem}`);
      if (Date.now() > deadline) throw new CaNotReadyError(`the CA was not ${what} within ${READY_MS} ms`);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }

  async stop(): Promise<void> {
    await this.program.stop();
    this.kube.close();
    await this.server.stop();
    rmSync(this.directory, { recursive: true, force: true });
  }

  async #readRoots(): Promise<boolean> {
    const configMap = await this.kube.get(CONFIG_MAPS, SYSTEM, 'istio-ca-root-cert');
    this.rootsPem = configMap?.data?.['root-cert.pem'] ?? '';
    return this.rootsPem !== '';
  }
}
