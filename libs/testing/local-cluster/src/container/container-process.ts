import type { ChildProcess } from 'node:child_process';
import { closeSync } from 'node:fs';
import { chown, mkdir, rm, writeFile } from 'node:fs/promises';
import { Socket } from 'node:net';
import { dirname, join } from 'node:path';
import { MeshError } from '@weft/result';
import type { ClusterNode } from '../node/cluster-node.js';
import type { PipePool } from '../process/pipe-pool.js';
import { childrenOf, signalProcess } from '../process/process-table.js';
import { exitCodeOf } from '../process/run-command.js';
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
    const child = await spawnInit(host, spec, log);
    const streams = child.streams;
    const exited = new Promise<ContainerExit>((resolve) => {
      const ended = (code: number | null, signal: NodeJS.Signals | null): void => {
        const finishedAtMs = host.now();
        void Promise.all(streams)
          .then(() => rm(directory, { recursive: true, force: true }).catch(() => undefined))
          .then(() => {
            log.close();
            resolve({ code: exitCodeOf(code, signal), finishedAtMs });
          });
      };
      child.process.once('exit', ended);
      child.process.once('error', () => child.process.pid === undefined && ended(127, null));
    });
    const verdict = await child.verdict;
    const ready = /^ready (\d+)\n/.exec(verdict);
    if (ready === null) {
      child.process.kill('SIGKILL');
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

export function containerDirectory(
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

interface InitChild {
  readonly process: ChildProcess;
  readonly streams: readonly Promise<void>[];
  /** What the script says on descriptor 3. */
  readonly verdict: Promise<string>;
}

async function spawnInit(host: ContainerHost, spec: ContainerSpec, log: ContainerLog): Promise<InitChild> {
  const { node, pipes, rootless } = host;
  const out = await pipes.take();
  const errors = await pipes.take();
  const own = [out.writeFd, errors.writeFd];
  try {
    if (!rootless) await Promise.all(own.map((fd) => chown(`/proc/self/fd/${fd}`, spec.user.uid, spec.user.gid)));
    const argv = [
      '/usr/bin/nsenter',
      `--net=${spec.netnsPath}`,
      '/usr/bin/unshare',
      '--mount',
      '--propagation',
      'slave',
      '--uts',
      '--ipc',
      '--pid',
      '--fork',
      '--kill-child',
      '/bin/sh',
      `/var/lib/kubelet/${CONTAINER_SCRIPT_FILE}`,
      containerDirectory('/var/lib/kubelet', spec),
      spec.hostname,
      spec.workingDir,
      spec.privileged ? 'all' : 'few',
      ...initCommand(spec, rootless),
    ];
    const child = node.spawn(argv, {
      env: node.rootEnvironment,
      stdio: ['ignore', 'ignore', 'pipe', 'pipe', out.writeFd, errors.writeFd],
      detached: true,
    });
    child.on('error', () => undefined);
    const streams = [
      log.attach(new Socket({ fd: out.readFd, readable: true, writable: false }), 'stdout'),
      log.attach(new Socket({ fd: errors.readFd, readable: true, writable: false }), 'stderr'),
    ];
    return { process: child, streams, verdict: readVerdict(child) };
  } finally {
    for (const fd of own) closeSync(fd);
  }
}

const MAX_COMPLAINT_CHARS = 2_000;

/**
 * The first line on descriptor 3; if the child ends before that, what it complained about. Waiting for the end of descriptor 3
 * is no use: `unshare` keeps it open.
 */
function readVerdict(child: ChildProcess): Promise<string> {
  const stream = child.stdio[3] as Socket;
  let complaint = '';
  child
    .stderr!.on('error', () => undefined)
    .on('data', (chunk: Buffer) => {
      if (complaint.length < MAX_COMPLAINT_CHARS) complaint += chunk.toString('utf8');
    });
  return new Promise((resolve) => {
    let text = '';
    stream.on('data', (chunk: Buffer) => {
      text += chunk.toString('utf8');
      if (text.includes('\n')) stream.destroy();
    });
    stream.on('error', () => undefined);
    stream.once('close', () => {
      if (text.includes('\n')) resolve(text);
      else if (child.exitCode !== null || child.signalCode !== null) resolve(complaint);
      else child.once('close', () => resolve(complaint));
    });
  });
}
