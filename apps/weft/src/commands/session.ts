import { readFileSync } from 'node:fs';
import { KubeClient } from '@weft/kube';
import type { ClusterHandle } from '@weft/testing-local-cluster';
import { readKubeconfig, readPodLog } from '../kubeconfig.js';
import type { ZtunnelSource } from '../picture/take-picture.js';

/** How many lines of each ztunnel's log the denials are read from. */
const LOG_LINES = 2000;

/** A client of a running local cluster, and the way to its ztunnels. */
export class ClusterSession implements ZtunnelSource {
  readonly kube: KubeClient;
  readonly #kubeconfig: string;

  constructor(readonly handle: ClusterHandle) {
    this.#kubeconfig = readFileSync(handle.kubeconfigPath, 'utf8');
    this.kube = KubeClient.fromKubeconfig(this.#kubeconfig, { component: 'weft-up' });
  }

  async metrics(node: string, podIp: string): Promise<string> {
    const { stdout } = await this.handle.nodeExec(
      node,
      ['curl', '-sS', '--max-time', '3', `http://${podIp}:15020/metrics`],
      { timeoutMs: 5000 },
    );
    return stdout;
  }

  log(namespace: string, pod: string): Promise<string> {
    return readPodLog(readKubeconfig(this.#kubeconfig), namespace, pod, LOG_LINES);
  }

  close(): void {
    this.kube.close();
  }
}
