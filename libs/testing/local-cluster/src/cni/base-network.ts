import { readdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { MeshError } from '@weft/result';
import type { NodePlan } from '../cluster/cluster-options.js';

/** Where distributions put the reference plugins. */
const PLUGIN_DIRECTORIES = ['/usr/lib/cni', '/opt/cni/bin', '/usr/libexec/cni'];
const NEEDED = ['ptp', 'host-local'];
const BASE_NETWORK_FILE = '10-weft-base.conflist';

export class CniPluginsMissingError extends MeshError {
  readonly code = 'CLUSTER_NO_CNI_PLUGINS';

  constructor(missing: readonly string[]) {
    super(
      `CNI plugins ${missing.join(', ')} not found in ${PLUGIN_DIRECTORIES.join(', ')}: install the package containernetworking-plugins`,
    );
  }
}

/**
 * The configuration that other plugins are chained after. `ptp` gives each pod a veth of its own to the node, so that packets
 * between two pods of one node pass the node's routing: a service address is translated both ways without br_netfilter.
 */
export function baseNetworkConfig(node: NodePlan): object {
  return {
    cniVersion: '1.0.0',
    name: 'weft',
    plugins: [
      {
        type: 'ptp',
        mtu: 1500,
        ipMasq: false,
        ipam: {
          type: 'host-local',
          dataDir: '/run/cni/networks',
          ranges: node.families.map(({ podCidr, podGateway }) => [{ subnet: podCidr, gateway: podGateway }]),
          routes: node.families.map(({ family }) => ({ dst: family === 4 ? '0.0.0.0/0' : '::/0' })),
        },
      },
    ],
  };
}

/** The directory of the reference plugins on this machine. Throws CniPluginsMissingError. */
export async function findCniPlugins(): Promise<string> {
  let missing: readonly string[] = NEEDED;
  for (const directory of PLUGIN_DIRECTORIES) {
    const names = await readdir(directory).catch((): string[] => []);
    missing = NEEDED.filter((name) => !names.includes(name));
    if (missing.length === 0) return directory;
  }
  throw new CniPluginsMissingError(missing);
}

/** Fills a node's /opt/cni/bin and /etc/cni/net.d. */
export async function installBaseNetwork(
  node: NodePlan,
  directories: { readonly plugins: string; readonly bin: string; readonly config: string },
): Promise<void> {
  for (const name of await readdir(directories.plugins)) {
    await symlink(join(directories.plugins, name), join(directories.bin, name));
  }
  const text = JSON.stringify(baseNetworkConfig(node), null, 2) + '\n';
  await writeFile(join(directories.config, BASE_NETWORK_FILE), text);
}
