import type { KubeClient, KubeObject } from '@weft/kube';
import type { RunningCommand } from './running-command.js';
import type { PacketWatch } from './packet-watch.js';
import type { LinkCapture } from './link-capture.js';

export interface CommandOutput {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface CommandOptions {
  readonly stdin?: string;
  /** Default 30 s; the program is killed then, and the call rejects. */
  readonly timeoutMs?: number;
}

/** `namespace/name`, and the container where a pod has several. */
export interface PodRef {
  readonly namespace: string;
  readonly pod: string;
  readonly container?: string;
}

/** A component of the mesh that a test takes away: a Deployment or DaemonSet of the system namespace. */
export type MeshComponent = 'weft-ca' | 'weft-control-plane' | 'weft-cni-node' | 'ztunnel';

/**
 * What a test needs of a cluster, whoever runs it. Everything goes through `kubectl` (the real binary) or the API, except what
 * Kubernetes has no words for: programs on a node, and looking at packets.
 *
 * The one provider is `startLocalCluster`. Another one, such as kind, implements this interface: `onNode` by `docker exec`,
 * `watchPackets` and `captureLink` by tcpdump there; workloads are then images with the programs that the tests call.
 */
export interface Cluster extends AsyncDisposable {
  readonly name: string;
  readonly nodes: readonly string[];
  readonly kubeconfigPath: string;
  readonly kube: KubeClient;

  /** Runs kubectl to its end; a failure is a value (`code`). */
  kubectl(args: readonly string[], options?: CommandOptions): Promise<CommandOutput>;
  /** Standard output of a kubectl call that has to succeed; throws with what it said otherwise. */
  kubectlOk(args: readonly string[], options?: CommandOptions): Promise<string>;
  /** A kubectl that goes on: `logs -f`, `get -w`, `exec`. Ended with the cluster at the latest. */
  kubectlStart(args: readonly string[]): RunningCommand;
  /** Applies YAML text or objects, server-side. */
  apply(what: string | readonly KubeObject[]): Promise<void>;
  /** Deletes objects and waits until they are gone. Missing ones do not matter. */
  delete(what: readonly KubeObject[]): Promise<void>;
  exec(pod: PodRef, argv: readonly string[], options?: CommandOptions): Promise<CommandOutput>;
  logs(pod: PodRef): Promise<string>;
  /** Waits until the pods are Ready; throws with their state and events otherwise. */
  ready(namespace: string, pods: readonly string[], timeoutMs?: number): Promise<void>;

  /** Runs a program in the network and file system of a node. */
  onNode(node: string, argv: readonly string[], options?: CommandOptions): Promise<CommandOutput>;
  /** Every TCP packet with data that any device of the nodes sees, from now on. */
  watchPackets(): Promise<PacketWatch>;
  /** Records what crosses the link between nodes. */
  captureLink(node: string): Promise<LinkCapture>;

  /** Ends every process of a component at once, as a crash does; Kubernetes restarts it. */
  kill(component: MeshComponent, node?: string): Promise<void>;
  /** Takes a component away, or brings it back, and waits until it is so. */
  scale(component: 'weft-ca' | 'weft-control-plane', replicas: number): Promise<void>;
}
