import type { Cluster } from './cluster.js';

/**
 * From now on a node has only `addresses` addresses for new pods, so that they are used again soon. Edits the base network of
 * the local cluster, which is read anew for each pod.
 */
export async function smallPodRange(cluster: Cluster, node: string, addresses: number): Promise<void> {
  const file = '/etc/cni/net.d/10-weft-base.conflist';
  const { stdout } = await cluster.onNode(node, ['cat', file]);
  const config = JSON.parse(stdout) as { plugins: { ipam?: { ranges: Record<string, string>[][] } }[] };
  for (const { ipam } of config.plugins) {
    for (const range of ipam?.ranges.flat() ?? []) {
      const network = (range['subnet'] ?? '').replace(/\.\d+\/\d+$/, '');
      range['rangeStart'] = `${network}.200`;
      range['rangeEnd'] = `${network}.${199 + addresses}`;
    }
  }
  const { code, stderr } = await cluster.onNode(node, ['sh', '-ec', `cat > ${file}.new && mv ${file}.new ${file}`], {
    stdin: JSON.stringify(config, null, 2),
  });
  if (code !== 0) throw new Error(`cannot change the network of ${node}: ${stderr}`);
}
