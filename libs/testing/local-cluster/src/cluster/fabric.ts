import { mustRun } from '../process/run-command.js';
import { planNetwork, type NetworkPlan, type NodeFamily, type NodePlan } from './cluster-options.js';

/** The bridge between the nodes, in the network namespace where the API server lives. */
const FABRIC_BRIDGE = 'weft0';
/** Forwarding, no reverse-path filter (packets of a pod may come back over another device), room for many neighbours. */
const ROUTER_SETTINGS = [
  'ipv4/ip_forward=1',
  'ipv4/conf/all/rp_filter=0',
  'ipv4/conf/default/rp_filter=0',
  'ipv6/conf/all/forwarding=1',
  'ipv6/conf/default/accept_dad=0',
  'ipv6/conf/all/accept_dad=0',
];

/**
 * The network between nodes: a bridge in the root namespace, one network namespace per node with an uplink `eth0`, and routes to
 * the pods of every other node. No address is translated between pods.
 */
export class Fabric {
  constructor(
    private readonly nodes: readonly NodePlan[],
    private readonly network: NetworkPlan = planNetwork(),
  ) {}

  /** Expects a fresh network namespace, and a private /run of which it makes /run/netns. */
  async build(): Promise<void> {
    await mustRun(['mkdir', '-p', '/run/netns']);
    await mustRun(['mount', '-t', 'tmpfs', '-o', 'mode=755', 'netns', '/run/netns']);
    await mustRun(['ip', '-batch', '-'], { stdin: this.rootBatch() });
    await this.#set([]);
    await Promise.all(this.nodes.map((node) => this.#connect(node)));
  }

  /** Commands for the namespace that holds the bridge. */
  rootBatch(): string {
    const lines = [
      'link set lo up',
      `link add ${FABRIC_BRIDGE} type bridge`,
      ...this.network.families.map(
        (it) => `addr add ${it.rootAddress}/${it.rootPrefix} dev ${FABRIC_BRIDGE}${nodad(it)}`,
      ),
      `link set ${FABRIC_BRIDGE} up`,
    ];
    for (const { name, index, families } of this.nodes) {
      lines.push(
        `netns add ${name}`,
        `link add node${index} type veth peer name eth0 netns ${name}`,
        `link set node${index} master ${FABRIC_BRIDGE} up`,
        ...families.map(({ podCidr, address }) => `route add ${podCidr} via ${address}`),
      );
    }
    return lines.join('\n') + '\n';
  }

  /** Commands for the namespace of one node. */
  nodeBatch(node: NodePlan): string {
    const lines = [
      'link set lo up',
      ...node.families.map((own) => `addr add ${own.address}/${this.#of(own).rootPrefix} dev eth0${nodad(own)}`),
      'link set eth0 up',
      ...node.families.map((own) => `route add default via ${this.#of(own).rootAddress}`),
      // A pod that is gone: its node says so at once, instead of sending the packet around until it dies of age.
      ...node.families.map(({ podCidr }) => `route add unreachable ${podCidr} metric 4096`),
    ];
    for (const other of this.nodes)
      if (other !== node)
        lines.push(...other.families.map(({ podCidr, address }) => `route add ${podCidr} via ${address}`));
    return lines.join('\n') + '\n';
  }

  #of({ family }: NodeFamily) {
    return this.network.families.find((it) => it.family === family)!;
  }

  async #connect(node: NodePlan): Promise<void> {
    await mustRun(['ip', '-n', node.name, '-batch', '-'], { stdin: this.nodeBatch(node) });
    await this.#set(['nsenter', `--net=/run/netns/${node.name}`]);
  }

  /** /proc/sys/net shows the settings of the reader's network namespace. Settings that the kernel does not have are skipped. */
  async #set(enter: readonly string[]): Promise<void> {
    const script = 'for s in "$@"; do f=/proc/sys/net/${s%%=*}; [ ! -w $f ] || echo ${s#*=} > $f; done';
    await mustRun([...enter, 'sh', '-c', script, 'sh', ...ROUTER_SETTINGS]);
  }
}

/** Nobody else has these addresses: they can be used at once. */
const nodad = ({ family }: { readonly family: 4 | 6 }): string => (family === 6 ? ' nodad' : '');
