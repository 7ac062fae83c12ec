import { spawn } from 'node:child_process';
import { readlinkSync } from 'node:fs';
import { PassThrough, type Duplex, type Readable, type Writable } from 'node:stream';
import type {
  ContainerRef,
  ExecOptions,
  ExecSession,
  KubeletConnector,
  LogOptions,
  PodRef,
} from '@weft/testing-kube-apiserver';
import { renderLogLine, selectLines, type LogLine } from '../container/log-line.js';
import type { ContainerLog } from '../container/container-log.js';
import { MeshError } from '@weft/result';
import { NodeDialer } from '../node/node-dialer.js';
import { childrenOf, signalProcess } from '../process/process-table.js';
import { exitCodeOf, runCommand } from '../process/run-command.js';
import type { ContainerSupervisor } from './container-supervisor.js';
import type { Kubelet } from './kubelet.js';
import type { PodWorker } from './pod-worker.js';

const DIAL_TIMEOUT_MS = 5_000;

/** The container that a log or exec request names is not there, or does not run. */
export class ContainerUnavailableError extends MeshError {
  readonly code = 'CLUSTER_NO_CONTAINER';
}

/** Logs, exec and port-forward for the API server, over the kubelets of all nodes. */
export class KubeletGateway implements KubeletConnector {
  constructor(private readonly kubelets: () => readonly Kubelet[]) {}

  async logs(ref: ContainerRef, options: LogOptions, signal: AbortSignal): Promise<AsyncIterable<Buffer>> {
    const supervisor = this.#find(ref);
    const log = supervisor.log(options.previous);
    if (log === null) {
      const what = options.previous ? 'previous terminated container' : 'container';
      const why = supervisor.state.waiting?.reason ?? 'has not started';
      throw new ContainerUnavailableError(
        `${what} "${ref.container}" in pod "${ref.pod}" is waiting to start or not found: ${why}`,
      );
    }
    return Promise.resolve(readLog(log, options, signal));
  }

  async exec(ref: ContainerRef, options: ExecOptions, signal: AbortSignal): Promise<ExecSession> {
    const process = this.#find(ref).process;
    if (process === null)
      throw new ContainerUnavailableError(`container "${ref.container}" of pod "${ref.pod}" is not running`);
    const argv = process.enter(options.command);
    const session = options.tty ? startOnTerminal(argv) : startOnPipes(argv);
    if (!options.stdin) session.stdin.end();
    signal.addEventListener('abort', () => session.kill(), { once: true });
    return Promise.resolve(session);
  }

  /** To the pod's own loopback. */
  async portForward(ref: PodRef, port: number): Promise<Duplex> {
    const process = this.#worker(ref).runningProcess;
    if (process === null) throw new ContainerUnavailableError(`no container of pod "${ref.pod}" is running`);
    const dialer = new NodeDialer(`/proc/${process.initPid}/ns/net`);
    try {
      return await dialer.connect('127.0.0.1', port, DIAL_TIMEOUT_MS);
    } finally {
      dialer.close();
    }
  }

  #find(ref: ContainerRef): ContainerSupervisor {
    const found = this.#worker(ref).container(ref.container);
    if (found === undefined)
      throw new ContainerUnavailableError(`container "${ref.container}" is not in pod "${ref.pod}"`);
    return found;
  }

  #worker({ namespace, pod }: PodRef): PodWorker {
    for (const kubelet of this.kubelets()) {
      const worker = kubelet.worker(namespace, pod);
      if (worker !== undefined) return worker;
    }
    throw new ContainerUnavailableError(`pod "${namespace}/${pod}" does not run on any node`);
  }
}

async function* readLog(log: ContainerLog, options: LogOptions, signal: AbortSignal): AsyncGenerator<Buffer> {
  const { timestamps, tailLines, sinceSeconds, sinceTime, follow, limitBytes = Infinity } = options;
  const now = Date.now();
  const since = sinceTime === undefined ? sinceSeconds : (now - Date.parse(sinceTime)) / 1000;
  const queue = new LineQueue();
  // Subscribed before the file is read, and in the same turn: no line is lost and none comes twice.
  const unsubscribe = follow ? log.follow((line) => queue.add(line)) : () => undefined;
  let left = limitBytes;
  try {
    for (const line of selectLines(log.read(), { tailLines, sinceSeconds: since, timestamps }, now)) {
      const bytes = renderLogLine(line, timestamps).subarray(0, left);
      left -= bytes.length;
      yield bytes;
      if (left <= 0) return;
    }
    if (!follow) return;
    log.onClose(() => queue.end());
    signal.addEventListener('abort', () => queue.end(), { once: true });
    if (signal.aborted) queue.end();
    for await (const line of queue) {
      const bytes = renderLogLine(line, timestamps).subarray(0, left);
      left -= bytes.length;
      yield bytes;
      if (left <= 0) return;
    }
  } finally {
    unsubscribe();
  }
}

/** Lines on their way to a slow reader; when it is far behind, the oldest wait no longer. */
class LineQueue implements AsyncIterable<LogLine> {
  readonly #lines: LogLine[] = [];
  #wake: () => void = () => undefined;
  #ended = false;

  add(line: LogLine): void {
    if (this.#lines.length >= 50_000) this.#lines.shift();
    this.#lines.push(line);
    this.#wake();
  }

  end(): void {
    this.#ended = true;
    this.#wake();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<LogLine> {
    for (;;) {
      const line = this.#lines.shift();
      if (line !== undefined) yield line;
      else if (this.#ended) return;
      else await new Promise<void>((resolve) => (this.#wake = resolve));
    }
  }
}

function startOnPipes(argv: readonly string[]): ExecSession {
  return sessionOf(argv, (child) => {
    // `nsenter --pid` waits for a child of its own, which is the command.
    for (const { pid } of childrenOf(child)) signalProcess(pid, 'SIGKILL');
  });
}

/** `script` of util-linux gives the command a terminal; the size is set on the terminal's device. */
function startOnTerminal(argv: readonly string[]): ExecSession {
  const command = argv.map(quote).join(' ');
  let size = '';
  const session = sessionOf(['/usr/bin/script', '-q', '-e', '-f', '-c', `exec ${command}`, '/dev/null'], (child) => {
    for (const { pid } of childrenOf(child)) signalProcess(pid, 'SIGHUP');
  });
  const apply = async (pid: number, attempts: number): Promise<void> => {
    const shell = childrenOf(pid)[0];
    const device = shell === undefined ? null : terminalOf(shell.pid);
    if (device !== null) await runCommand(['stty', '-F', device, ...size.split(' ')]);
    else if (attempts > 0) setTimeout(() => void apply(pid, attempts - 1), 50).unref();
  };
  return {
    ...session,
    resize: (columns, rows) => {
      size = `cols ${columns} rows ${rows}`;
      void apply(session.pid, 20);
    },
  };
}

function terminalOf(pid: number): string | null {
  try {
    const device = readlinkSync(`/proc/${pid}/fd/0`);
    return device.startsWith('/dev/pts/') ? device : null;
  } catch {
    return null;
  }
}

function sessionOf(
  argv: readonly string[],
  killInside: (child: number) => void,
): ExecSession & { readonly pid: number } {
  const [program, ...args] = argv;
  const child = spawn(program!, args, { stdio: ['pipe', 'pipe', 'pipe'], detached: true });
  const quiet = <T extends Readable | Writable>(stream: T): T => (stream.on('error', () => undefined), stream);
  const exit = new Promise<number>((resolve) => {
    child.once('close', (code, signal) => resolve(exitCodeOf(code, signal)));
    child.once('error', () => resolve(127));
  });
  return {
    pid: child.pid ?? 0,
    stdin: quiet(child.stdin),
    stdout: quiet(child.stdout.pipe(new PassThrough())),
    stderr: quiet(child.stderr.pipe(new PassThrough())),
    exit,
    resize: () => undefined,
    kill: () => {
      if (child.pid !== undefined && child.exitCode === null) killInside(child.pid);
      child.kill('SIGKILL');
    },
  };
}

const quote = (word: string): string => `'${word.replaceAll("'", `'\\''`)}'`;
