import { MeshError } from '@weft/result';
import type { LocalImages } from '../container/local-image.js';

export interface NodeOptions {
  readonly name: string;
  /** `topology.kubernetes.io/region` and `.../zone`. */
  readonly region?: string | undefined;
  readonly zone?: string | undefined;
  /** More labels of the Node object. */
  readonly labels?: Readonly<Record<string, string>> | undefined;
}

/** What a local cluster is made of; crosses from the outside into the cluster process as JSON. */
export interface ClusterOptions {
  readonly name: string;
  /** Holds the kubeconfig, the control socket, logs and the state file; not below /run. */
  readonly stateDir: string;
  readonly nodes: readonly NodeOptions[];
  /**
   * Folders of the host that nodes and pods see at the same path even below /tmp, which is otherwise private to each of them:
   * where the built programs are.
   */
  readonly sharedPaths?: readonly string[] | undefined;
  /** Programs of this machine that stand in for images, for containers without a command. */
  readonly images?: LocalImages | undefined;
  /** Keeps API objects across restarts when set. */
  readonly persistFile?: string | undefined;
  /** Bytes per container log file, of which two are kept. Default 10 MiB. */
  readonly logFileBytes?: number | undefined;
  /** Default `ipv4`. */
  readonly ipFamily?: IpFamily | undefined;
  /** Default `info`. */
  readonly logLevel?: string | undefined;
}

export type Family = 4 | 6;
/** Which addresses nodes, pods and Services have; of `dual`, IPv4 is the first one. */
export type IpFamily = 'ipv4' | 'ipv6' | 'dual';
export const IP_FAMILIES: readonly IpFamily[] = ['ipv4', 'ipv6', 'dual'];

/** The fixed addresses of one family. */
export interface FamilyPlan {
  readonly family: Family;
  readonly rootAddress: string;
  readonly rootPrefix: number;
  /** Holds the pod ranges of all nodes. */
  readonly podCidr: string;
  readonly serviceCidr: string;
  readonly kubernetesAddress: string;
  readonly dnsAddress: string;
}

const FAMILY_PLANS: Readonly<Record<Family, FamilyPlan>> = {
  4: {
    family: 4,
    rootAddress: '172.30.0.1',
    rootPrefix: 24,
    podCidr: '10.244.0.0/16',
    serviceCidr: '10.96.0.0/16',
    kubernetesAddress: '10.96.0.1',
    dnsAddress: '10.96.0.10',
  },
  6: {
    family: 6,
    rootAddress: 'fd00:30::1',
    rootPrefix: 64,
    podCidr: 'fd00:10:244::/48',
    serviceCidr: 'fd00:10:96::/112',
    kubernetesAddress: 'fd00:10:96::1',
    dnsAddress: 'fd00:10:96::a',
  },
};

/** The fixed addresses of a local cluster. The families: one or two, the first is that of Services that do not choose. */
export interface NetworkPlan {
  readonly families: readonly FamilyPlan[];
  readonly primary: FamilyPlan;
  readonly clusterDomain: string;
  readonly apiPort: number;
}

export function planNetwork(ipFamily: IpFamily = 'ipv4'): NetworkPlan {
  const families =
    ipFamily === 'dual' ? [FAMILY_PLANS[4], FAMILY_PLANS[6]] : [FAMILY_PLANS[ipFamily === 'ipv6' ? 6 : 4]];
  return { families, primary: families[0]!, clusterDomain: 'cluster.local', apiPort: 6443 };
}

const MAX_NODES = 200;

/** The options cannot be used; the message names the field and the cure. */
export class ClusterOptionsError extends MeshError {
  readonly code = 'CLUSTER_BAD_OPTIONS';
}

/** What a node has of one family. */
export interface NodeFamily {
  readonly family: Family;
  readonly address: string;
  readonly podCidr: string;
  /** The address that pods have as their gateway. */
  readonly podGateway: string;
}

export interface NodePlan extends NodeOptions, NodeFamily {
  /** 1, 2, ... */
  readonly index: number;
  /** Of each family of the cluster; the first one is also the node's own fields. */
  readonly families: readonly NodeFamily[];
}

/** Addresses of each node, in the order of the options. */
export function planNodes(nodes: readonly NodeOptions[], network = planNetwork()): readonly NodePlan[] {
  return nodes.map((node, position) => {
    const index = position + 1;
    const families = network.families.map(({ family }) => nodeFamily(family, index));
    return { ...node, index, families, ...families[0]! };
  });
}

function nodeFamily(family: Family, index: number): NodeFamily {
  if (family === 4) {
    const pods = `10.244.${index}`;
    return { family, address: `172.30.0.${10 + index}`, podCidr: `${pods}.0/24`, podGateway: `${pods}.1` };
  }
  const pods = `fd00:10:244:${index.toString(16)}`;
  return {
    family,
    address: `fd00:30::${(0x10 + index).toString(16)}`,
    podCidr: `${pods}::/64`,
    podGateway: `${pods}::1`,
  };
}

const DNS_LABEL = /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/;

/** Throws ClusterOptionsError for names that would not work as host names, and for paths that the cluster hides. */
export function checkClusterOptions(options: ClusterOptions): void {
  const refuse = (problem: string): never => {
    throw new ClusterOptionsError(`local cluster ${JSON.stringify(options.name)}: ${problem}`);
  };
  if (!DNS_LABEL.test(options.name)) refuse('name: want lower-case letters, digits and dashes');
  if (!options.stateDir.startsWith('/'))
    refuse(`stateDir: want an absolute path, got ${JSON.stringify(options.stateDir)}`);
  if (/^\/(var\/)?run(\/|$)/.test(options.stateDir))
    refuse('stateDir: must not be below /run, which the cluster replaces');
  if (options.stateDir.length > 80)
    refuse(`stateDir: longer than 80 characters, which a unix socket's path cannot take`);
  if (options.nodes.length === 0 || options.nodes.length > MAX_NODES) refuse(`nodes: want 1 to ${MAX_NODES}`);
  const seen = new Set<string>();
  for (const { name } of options.nodes) {
    if (!DNS_LABEL.test(name)) refuse(`nodes: ${JSON.stringify(name)} is not a lower-case DNS label`);
    if (seen.has(name)) refuse(`nodes: ${name} appears twice`);
    seen.add(name);
  }
}
