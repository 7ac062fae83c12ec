import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { CONTROL_SOCKET, KUBECONFIG_FILE } from '../cluster/state-files.js';
import type { ClusterStatus } from '../control/control-message.js';
import type { CommandResult } from '../process/run-command.js';
import {
  findClusterProcess,
  killCluster,
  readClusterState,
  removeStateFiles,
  type ClusterState,
} from './cluster-state.js';
import { ControlClient, type NodeProcess } from './control-client.js';

export interface NodeExecOptions {
  readonly stdin?: string | Buffer;
  readonly env?: Readonly<Record<string, string>>;
  /** Default 60 s; the program is killed then. */
  readonly timeoutMs?: number;
}

const STOP_WAIT_MS = 3_000;

/** A running cluster as seen from outside. */
export class ClusterHandle {
  readonly #control: ControlClient;

  constructor(
    readonly stateDir: string,
    private readonly state: ClusterState,
  ) {
    this.#control = new ControlClient(join(stateDir, CONTROL_SOCKET));
  }

  /** The cluster of this state directory, or null if none runs. */
  static async attach(stateDir: string): Promise<ClusterHandle | null> {
    const state = await readClusterState(stateDir);
    return state !== null && (await findClusterProcess(state)) !== null ? new ClusterHandle(stateDir, state) : null;
  }

  get name(): string {
    return this.state.name;
  }

  get pid(): number {
    return this.state.pid;
  }

  get kubeconfigPath(): string {
    return join(this.stateDir, KUBECONFIG_FILE);
  }

  /** For kubectl on the host. */
  get serverUrl(): string {
    return `https://127.0.0.1:${this.state.hostPort}`;
  }

  status(): Promise<ClusterStatus> {
    return this.#control.status();
  }

  untilReady(timeoutMs: number, onStep: (step: string) => void): Promise<void> {
    return this.#control.untilReady(timeoutMs, onStep);
  }

  /** Starts a program in the network and the file system of a node, with its output as it comes. */
  nodeSpawn(node: string, argv: readonly string[], env?: Readonly<Record<string, string>>): NodeProcess {
    return this.#control.exec(node, argv, env);
  }

  /** Runs a program on a node to its end. */
  async nodeExec(node: string, argv: readonly string[], options: NodeExecOptions = {}): Promise<CommandResult> {
    const running = this.nodeSpawn(node, argv, options.env);
    running.stdin.end(options.stdin);
    const timer = setTimeout(() => running.kill('SIGKILL'), options.timeoutMs ?? 60_000);
    try {
      const [code, stdout, stderr] = await Promise.all([running.exit, text(running.stdout), text(running.stderr)]);
      return { code, stdout, stderr };
    } finally {
      clearTimeout(timer);
    }
  }

  /** Ends the cluster and removes everything it made. Safe to call twice, and when it is gone already. */
  async stop(options: { readonly keepLogs?: boolean } = {}): Promise<void> {
    await this.#control.stop().catch(() => undefined);
    const deadline = performance.now() + STOP_WAIT_MS;
    while ((await findClusterProcess(this.state)) !== null && performance.now() < deadline) {
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    await killCluster(this.state, this.stateDir);
    await removeStateFiles(this.stateDir, options.keepLogs === true);
  }
}
