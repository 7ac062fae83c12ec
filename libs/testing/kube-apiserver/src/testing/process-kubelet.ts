import { spawn, type ChildProcessWithoutNullStreams } from 'node:child_process';
import { connect } from 'node:net';
import { constants } from 'node:os';
import { PassThrough, type Duplex } from 'node:stream';
import type {
  ContainerRef,
  ExecOptions,
  ExecSession,
  KubeletConnector,
  PodRef,
} from '../streaming/kubelet-connector.js';

/** A node whose containers are this machine: commands are its processes, ports of pods are ports of its loopback. */
export class ProcessKubelet implements KubeletConnector {
  readonly #running = new Set<ChildProcessWithoutNullStreams>();
  readonly sizes: string[] = [];

  /** Commands that have not ended. */
  get running(): number {
    return this.#running.size;
  }

  logs(): Promise<never> {
    return Promise.reject(new Error('this node keeps no logs'));
  }

  exec(_ref: ContainerRef, { command, tty }: ExecOptions): Promise<ExecSession> {
    if (command[0] === 'refused') return Promise.reject(new Error('container "main" is not running'));
    const quoted = command.map((word) => `'${word.replaceAll("'", `'\\''`)}'`).join(' ');
    const argv = tty ? ['script', '-q', '-e', '-f', '-c', `exec ${quoted}`, '/dev/null'] : command;
    return Promise.resolve(this.#start(argv));
  }

  /** The container's own process answers every line, and ends with 5 when its input does. */
  attach(): Promise<ExecSession> {
    return Promise.resolve(
      this.#start(['sh', '-c', 'echo ready; while read line; do echo "got $line"; echo "saw $line" >&2; done; exit 5']),
    );
  }

  portForward({ pod }: PodRef, port: number, signal: AbortSignal): Promise<Duplex> {
    if (pod === 'unreachable') return Promise.reject(new Error('the pod has no network'));
    return new Promise((resolve, reject) => {
      const socket = connect({ host: '127.0.0.1', port, allowHalfOpen: true });
      signal.addEventListener('abort', () => socket.destroy(), { once: true });
      socket.once('error', reject);
      socket.once('connect', () => {
        socket.off('error', reject);
        resolve(socket);
      });
    });
  }

  dispose(): void {
    for (const child of this.#running) killGroup(child);
  }

  #start([program, ...args]: readonly string[]): ExecSession {
    const child = spawn(program!, args, { stdio: 'pipe', detached: true });
    this.#running.add(child);
    const exit = new Promise<number>((resolve) => {
      child.once('error', () => resolve(127));
      child.once('close', (code, signal) => resolve(code ?? 128 + constants.signals[signal ?? 'SIGKILL']));
    });
    void exit.then(() => this.#running.delete(child));
    return {
      stdin: child.stdin,
      // Unread output of a process that has ended would be lost.
      stdout: child.stdout.pipe(new PassThrough()),
      stderr: child.stderr.pipe(new PassThrough()),
      exit,
      resize: (columns, rows) => this.sizes.push(`${columns}x${rows}`),
      kill: () => killGroup(child),
    };
  }
}

function killGroup(child: ChildProcessWithoutNullStreams): void {
  if (child.pid === undefined || child.exitCode !== null) return;
  try {
    process.kill(-child.pid, 'SIGKILL');
  } catch {
    // It has just ended.
  }
}
