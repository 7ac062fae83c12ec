import { PODS } from '@weft/kube';
import { until } from '@weft/testing-fixtures';
import { parsePrometheusText, SYSTEM_NAMESPACE, type Sample } from '@weft/testing-mesh-deployment';
import type { Cluster } from './cluster.js';

interface ConfigDump {
  readonly policies: readonly { readonly namespace: string; readonly name: string }[];
  readonly workloads: readonly { readonly name: string; readonly namespace: string; readonly protocol: string }[];
  readonly certificates: readonly {
    readonly identity: string;
    readonly state: string;
    /** `pem` is base64 of PEM. */
    readonly certChain: readonly { readonly pem: string }[];
    readonly rootCerts: readonly { readonly pem: string }[];
  }[];
}

/** What the ztunnels of a cluster say about themselves: admin pages and metrics. */
export class Ztunnels {
  constructor(private readonly cluster: Cluster) {}

  /** Names and addresses of the ztunnel pods, by node. */
  async pods(): Promise<ReadonlyMap<string, { readonly name: string; readonly address: string }>> {
    const pods = await this.cluster.kube.list(PODS, { namespace: SYSTEM_NAMESPACE, labelSelector: 'app=ztunnel' });
    return new Map(
      pods.map(({ metadata, spec, status }) => [
        spec?.nodeName ?? '',
        { name: metadata?.name ?? '', address: status?.podIP ?? '' },
      ]),
    );
  }

  async configDump(node: string): Promise<ConfigDump> {
    const pod = (await this.pods()).get(node)?.name ?? '';
    const argv = ['curl', '-sS', '--max-time', '5', 'http://localhost:15000/config_dump'];
    const { stdout, stderr } = await this.cluster.exec({ namespace: SYSTEM_NAMESPACE, pod }, argv);
    if (!stdout.startsWith('{')) throw new Error(`config dump of ${pod}: ${stdout}${stderr}`);
    return JSON.parse(stdout) as ConfigDump;
  }

  async metrics(node: string): Promise<readonly Sample[]> {
    const address = (await this.pods()).get(node)?.address ?? '';
    const argv = ['curl', '-sS', '--max-time', '5', `http://${address}:15020/metrics`];
    return parsePrometheusText((await this.cluster.onNode(node, argv)).stdout);
  }

  /** Waits until every ztunnel holds exactly these policies of people (converted ones aside), as `namespace/name`. */
  async holdPolicies(names: readonly string[], deadlineMs = 5000): Promise<void> {
    const wanted = [...names].sort().join(' ');
    const held = async (node: string): Promise<string> =>
      (await this.configDump(node)).policies
        .map(({ namespace, name }) => `${namespace}/${name}`)
        .filter((name) => !name.includes('converted'))
        .sort()
        .join(' ');
    const all = async (): Promise<boolean> =>
      (await Promise.all(this.cluster.nodes.map(held))).every((now) => now === wanted);
    await until(all, `every ztunnel holds the policies [${wanted}]`, deadlineMs);
  }
}
