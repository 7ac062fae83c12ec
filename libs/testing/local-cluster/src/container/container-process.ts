import { chown, mkdir, rm, writeFile } from 'node:fs/promises';
import { Socket } from 'node:net';
import { dirname, join } from 'node:path';
import { MeshError } from '@weft/result';
import type { ClusterNode } from '../node/cluster-node.js';
import type { PipePool } from '../process/pipe-pool.js';
import { childrenOf, signalProcess } from '../process/process-table.js';
import { killGroup, type CommandResult } from '../process/run-command.js';
import type { ContainerLog } from './container-log.js';
import { initCommand, userCommand, type ContainerSpec } from './container-spec.js';

/** The container could not be set up, so its command never ran. */
export class ContainerStartError extends MeshError {
  readonly code = 'CLUSTER_CONTAINER_START';
}

export interface ContainerExit {
  readonly code: number;
  readonly finishedAtMs: number;
}

export interface ContainerHost {
  readonly node: ClusterNode;
  readonly pipes: PipePool;
  readonly rootless: boolean;
  now(): number;
}

/** The script on the node, written once per node; a command line of its length would show in every process list. */
export const CONTAINER_SCRIPT_FILE = 'start-container.sh';

/**
 * One run of a container: a command under a small init, in mount, pid, uts and ipc namespaces of its own and the network of its
 * pod. When the command ends, everything that it started ends too.
 */
export class ContainerProcess {
  /** Settles when the last process is gone and the log holds the last line. */
  readonly exited: Promise<ContainerExit>;

  private constructor(
    private readonly host: ContainerHost,
    readonly spec: ContainerSpec,
    /** The init, as the cluster process sees it. */
    readonly initPid: number,
    readonly startedAtMs: number,
    exited: Promise<ContainerExit>,
  ) {
    this.exited = exited;
  }

  /** Resolves when the command was started. Throws ContainerStartError, and leaves nothing behind then. */
  static async start(host: ContainerHost, spec: ContainerSpec, log: ContainerLog): Promise<ContainerProcess> {
    const directory = containerDirectory(host.node.kubeletDirectory, spec);
    await prepare(directory, spec, host.rootless);
    const child = await startInit(host, spec, log);
    const exited = child.exited.then(async ({ code }): Promise<ContainerExit> => {
      const finishedAtMs = host.now();
      await Promise.all(child.streams);
      await rm(directory, { recursive: true, force: true }).catch(() => undefined);
      log.close();
      return { code, finishedAtMs };
    });
    const verdict = await Promise.race([
      child.verdict,
      child.exited.then(({ stderr }) => `error ${stderr.slice(0, MAX_COMPLAINT_CHARS)}`),
    ]);
    const ready = /^ready (\d+)\n/.exec(verdict);
    if (ready === null) {
      child.kill();
      await exited;
      throw new ContainerStartError(
        `container ${spec.name}: ${verdict.replace(/^error /, '').trim() || 'ended during its setup'}`,
      );
    }
    return new ContainerProcess(host, spec, Number(ready[1]), host.now(), exited);
  }

  /** Signals the command itself, not its init. False when it is not there (any more). */
  signal(signal: NodeJS.Signals): boolean {
    const command = childrenOf(this.initPid)[0];
    return command !== undefined && signalProcess(command.pid, signal);
  }

  /** Ends every process of the container at once. */
  kill(): void {
    signalProcess(this.initPid, 'SIGKILL');
  }

  /** Runs a command inside the container to its end. */
  run(command: readonly string[], timeoutMs: number): Promise<CommandResult> {
    return this.host.node.runOutside(this.enter(command), { timeoutMs });
  }

  /** The command line that runs `command` inside the container, as its user, with its environment. */
  enter(command: readonly string[]): readonly string[] {
    const inside = userCommand(this.spec, command, this.host.rootless);
    return [
      '/usr/bin/nsenter',
      `--target=${this.initPid}`,
      '--mount',
      '--uts',
      '--ipc',
      '--net',
      '--pid',
      '--',
      ...inside,
    ];
  }
}

function containerDirectory(
  kubeletDirectory: string,
  spec: Pick<ContainerSpec, 'podUid' | 'name' | 'attempt'>,
): string {
  return join(kubeletDirectory, 'pods', spec.podUid, 'containers', `${spec.name}.${spec.attempt}`);
}

/** Directories of the host that a container without real root could otherwise not create anything in. */
const WRITABLE_DIRECTORIES = ['etc', 'home', 'mnt', 'opt', 'root', 'srv', 'var/cache', 'var/lib', 'var/log'];

/** Lays out the directory that the script works in. */
async function prepare(directory: string, spec: ContainerSpec, rootless: boolean): Promise<void> {
  await rm(directory, { recursive: true, force: true });
  const owned = rootless ? [...WRITABLE_DIRECTORIES, ...spec.mounts.map(({ target }) => dirname(target))] : [];
  const names = ['upper', 'work', 'root', 'tmp', 'run', ...owned.map((name) => join('upper', name))];
  for (const name of names) await mkdir(join(directory, name), { recursive: true, mode: 0o755 });
  for (const [name, content] of Object.entries(spec.files)) {
    const path = join(directory, 'upper', name);
    await mkdir(dirname(path), { recursive: true, mode: 0o755 });
    await writeFile(path, content, { mode: 0o644 });
  }
  const lines = spec.mounts.map(({ source, target, readOnly, propagation, sourceType }) =>
    [source, target, readOnly ? 'ro' : 'rw', propagation, sourceType].join('\t'),
  );
  const broken = lines.find((line) => line.includes('\n') || line.split('\t').length !== 5);
  if (broken !== undefined)
    throw new ContainerStartError(
      `container ${spec.name}: a mount path holds a tab or a line break: ${JSON.stringify(broken)}`,
    );
  await writeFile(join(directory, 'mounts'), lines.map((line) => `${line}\n`).join(''));
}

const MAX_COMPLAINT_CHARS = 2_000;

interface InitChild {
  readonly streams: readonly Promise<void>[];
  /** What the script says on descriptor 3. */
  readonly verdict: Promise<string>;
  readonly exited: Promise<CommandResult>;
  kill(): void;
}

async function startInit(host: ContainerHost, spec: ContainerSpec, log: ContainerLog): Promise<InitChild> {
  const { node, pipes, rootless } = host;
  const named = [await pipes.take(), await pipes.take(), await pipes.take()] as const;
  const [, out, errors] = named;
  if (!rootless) await Promise.all([out, errors].map(({ path }) => chown(path, spec.user.uid, spec.user.gid)));
  const argv = [
    '/usr/bin/nsenter',
    `--net=${spec.netnsPath}`,
    '/usr/bin/unshare',
    ...['--mount', '--propagation', 'slave', '--uts', '--ipc', '--pid', '--fork', '--kill-child'],
    '/bin/sh',
    `/var/lib/kubelet/${CONTAINER_SCRIPT_FILE}`,
    containerDirectory('/var/lib/kubelet', spec),
    spec.hostname,
    spec.workingDir,
    spec.privileged ? 'all' : 'few',
    ...initCommand(spec, rootless),
  ];
  const program = node.start(
    argv,
    { env: node.rootEnvironment },
    named.map(({ path }) => path),
  );
  const [verdictStream, ...streams] = named.map(
    ({ readFd }) => new Socket({ fd: readFd, readable: true, writable: false }),
  );
  const attached = [log.attach(streams[0]!, 'stdout'), log.attach(streams[1]!, 'stderr')];
  const first = readVerdict(verdictStream!);
  const pid = await program.pid;
  for (const pipe of named) pipe.handedOver();
  return { streams: attached, verdict: first, exited: program.exited, kill: () => pid !== null && killGroup(pid) };
}

/** The first line; waiting for the end is no use, as `unshare` keeps the pipe open. Never settles if there is none. */
function readVerdict(stream: Socket): Promise<string> {
  return new Promise((resolve) => {
    let text = '';
    stream
      .on('error', () => undefined)
      .on('data', (chunk: Buffer) => {
        text += chunk.toString('utf8');
        if (!text.includes('\n')) return;
        stream.destroy();
        resolve(text);
      });
  });
}
