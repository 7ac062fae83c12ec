import { spawn, type ChildProcess, type SpawnOptions } from 'node:child_process';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { NodePlan } from '../cluster/cluster-options.js';
import { CommandError, type CommandOptions, type CommandResult } from '../process/run-command.js';
import type { Spawner, StartedProgram } from '../process/spawner.js';
import { NODE_ROOT_SCRIPT } from '../scripts/node-root.js';
import type { RootFileSystem } from './root-file-system.js';

/** A plain environment for programs on a node. */
export const NODE_ENV: Readonly<Record<string, string>> = {
  PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
  HOME: '/root',
  LANG: 'C.UTF-8',
};

/**
 * One node: a network namespace, and a mount namespace with a root of its own, which live until the cluster's first process
 * ends.
 */
export class ClusterNode {
  readonly name: string;
  /** As the cluster process sees it; the node sees `kubelet` in it as /var/lib/kubelet, `cni` as /etc/cni, `opt-cni` as /opt/cni. */
  readonly directory: string;
  /** Keeps the mount namespace alive. (A file cannot: some kernels refuse to bind a newer mount namespace now and then.) */
  #holder = 0;

  constructor(
    readonly plan: NodePlan,
    nodesDirectory: string,
    private readonly rootFileSystem: RootFileSystem,
    private readonly spawner: Spawner,
  ) {
    this.name = plan.name;
    this.directory = join(nodesDirectory, plan.name);
  }

  get kubeletDirectory(): string {
    return join(this.directory, 'kubelet');
  }

  get networkConfigDirectory(): string {
    return join(this.directory, 'cni/net.d');
  }

  get netnsPath(): string {
    return `/run/netns/${this.name}`;
  }

  /** The environment that the root-building scripts read. */
  get rootEnvironment(): Readonly<Record<string, string>> {
    const { overlay, hostMounts, sharedPaths } = this.rootFileSystem;
    return { ...NODE_ENV, OVERLAY: overlay, HOST_MOUNTS: hostMounts.join(' '), SHARED_PATHS: sharedPaths.join(' ') };
  }

  /** Makes the mount namespace; the network namespace exists already (see Fabric). */
  async build(): Promise<void> {
    // Directories below `upper` are ours, so a user namespace may write there although the host's are not.
    const doors = ['upper/etc/cni', 'upper/opt/cni', 'upper/var/lib/kubelet', 'upper/var/lib', 'upper/var/log'];
    for (const name of [...doors, 'work', 'root', 'kubelet/pods', 'cni/net.d', 'opt-cni/bin']) {
      await mkdir(join(this.directory, name), { recursive: true, mode: 0o755 });
    }
    const script = `cd "$1" && ${NODE_ROOT_SCRIPT} echo ready; exec sleep infinity`;
    const holder = spawn(
      'nsenter',
      [
        `--net=${this.netnsPath}`,
        'unshare',
        '--mount',
        '--propagation',
        'private',
        'sh',
        '-c',
        script,
        'sh',
        this.directory,
      ],
      { env: { ...process.env, ...this.rootEnvironment }, stdio: ['ignore', 'pipe', 'pipe'], detached: true },
    );
    await untilReady(this.name, holder);
    this.#holder = holder.pid!;
  }

  /** The command line that runs `argv` on the node: its network, its root. */
  enter(argv: readonly string[]): readonly string[] {
    return ['/usr/bin/nsenter', `--target=${this.#holder}`, '--mount', `--net=${this.netnsPath}`, '--', ...argv];
  }

  run(argv: readonly string[], options: CommandOptions = {}): Promise<CommandResult> {
    return this.spawner.run(this.enter(argv), { env: NODE_ENV, ...options });
  }

  async mustRun(argv: readonly string[], options: CommandOptions = {}): Promise<string> {
    const result = await this.run(argv, options);
    if (result.code !== 0) throw new CommandError(argv, result);
    return result.stdout;
  }

  /** Starts a program that lives long; see `Spawner.start`. */
  start(argv: readonly string[], options: CommandOptions, outputs: readonly string[]): StartedProgram {
    return this.spawner.start(this.enter(argv), { env: NODE_ENV, ...options }, outputs);
  }

  /** Runs a program in this process's own namespaces. */
  runOutside(argv: readonly string[], options: CommandOptions): Promise<CommandResult> {
    return this.spawner.run(argv, options);
  }

  /** A child of this process, for those who talk with the program while it runs. */
  spawn(argv: readonly string[], options: SpawnOptions = {}): ChildProcess {
    const [program, ...args] = this.enter(argv);
    return spawn(program!, args, { env: NODE_ENV, ...options });
  }
}

const NODE_DEADLINE_MS = 20_000;

/** Waits for the line `ready`; rejects with what the script complained about. */
function untilReady(node: string, holder: ChildProcess): Promise<void> {
  return new Promise((resolve, reject) => {
    let errors = '';
    const fail = (code: number): void =>
      reject(new CommandError([`building node ${node}`], { code, stdout: '', stderr: errors }));
    const timer = setTimeout(() => holder.kill('SIGKILL'), NODE_DEADLINE_MS);
    holder.stderr!.on('data', (chunk: Buffer) => (errors += chunk.toString('utf8'))).on('error', () => undefined);
    holder
      .stdout!.on('error', () => undefined)
      .once('data', () => {
        clearTimeout(timer);
        holder.stdout!.destroy();
        holder.stderr!.destroy();
        holder.unref();
        resolve();
      });
    holder.once('error', (error) => {
      errors = error.message;
      fail(127);
    });
    holder.once('close', (code) => fail(code ?? 128));
  });
}
