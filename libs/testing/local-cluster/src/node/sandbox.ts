import { randomBytes, randomUUID } from 'node:crypto';
import { PodNetwork, type Attachment, type SandboxId } from '../cni/pod-network.js';
import type { ClusterNode } from './cluster-node.js';

export interface PodName {
  readonly namespace: string;
  readonly pod: string;
  readonly uid: string;
}

/** Kernel settings of a pod's network, by name (`net.ipv4.ip_forward`). */
export type Sysctls = Readonly<Record<string, string>>;

/**
 * What container runtimes set: any user may bind any port and send pings. Nobody else has a pod's address: it need not be asked
 * for a second or two whether somebody does.
 */
const DEFAULT_SYSCTLS: Sysctls = {
  'net.ipv4.ip_unprivileged_port_start': '0',
  'net.ipv4.ping_group_range': '0 0',
  'net.ipv6.conf.default.accept_dad': '0',
};

/** Arguments: the name of the namespace, then `setting=value` pairs. */
const CREATE_SCRIPT = `
name=$1; shift
ip netns add "$name" || exit
exec nsenter --net="/run/netns/$name" sh -c '
  ip link set lo up || exit
  for setting in "$@"; do
    file=/proc/sys/$(echo "\${setting%%=*}" | tr . /)
    echo "\${setting#*=}" > "$file" || exit
  done' sh "$@"
`;

/** The network namespace of a pod, and the addresses that CNI gave it. */
export interface Sandbox extends SandboxId {
  readonly ips: readonly string[];
  /** Null for a pod in its node's network. */
  readonly attachment: Attachment | null;
}

/** Makes and removes the network namespaces of one node's pods. */
export class Sandboxes {
  readonly #network: PodNetwork;

  constructor(private readonly node: ClusterNode) {
    this.#network = new PodNetwork(node);
  }

  /** A sandbox in the node's own network. */
  hostNetwork(name: PodName): Sandbox {
    return {
      ...name,
      containerId: newContainerId(),
      netnsPath: '/proc/self/ns/net',
      ips: [this.node.plan.address],
      attachment: null,
    };
  }

  /**
   * A new network namespace with everything that the CNI chain does to it. Nothing is left behind when it
   * throws; it throws soon after `signal` aborts.
   */
  async create(name: PodName, sysctls: Sysctls, signal?: AbortSignal): Promise<Sandbox> {
    const netns = `cni-${randomUUID()}`;
    const id: SandboxId = { ...name, containerId: newContainerId(), netnsPath: `/var/run/netns/${netns}` };
    const settings = Object.entries({ ...DEFAULT_SYSCTLS, ...sysctls }).map(([key, value]) => `${key}=${value}`);
    try {
      await this.node.mustRun(['/bin/sh', '-c', CREATE_SCRIPT, 'sh', netns, ...settings]);
      const attachment = await this.#network.add(id, signal);
      return { ...id, ips: attachment.result.ips, attachment };
    } catch (failure) {
      await this.node.run(['ip', 'netns', 'del', netns]);
      throw failure;
    }
  }

  /** Removes the network; what plugins complain about is returned, the namespace goes in any case. */
  async remove(sandbox: Sandbox): Promise<readonly string[]> {
    if (sandbox.attachment === null) return [];
    const problems = await this.#network.remove(sandbox, sandbox.attachment);
    const removed = await this.node.run(['ip', 'netns', 'del', sandbox.netnsPath.replace(/^.*\//, '')]);
    return removed.code === 0 ? problems : [...problems, removed.stderr.trim()];
  }
}

function newContainerId(): string {
  return randomBytes(32).toString('hex');
}
