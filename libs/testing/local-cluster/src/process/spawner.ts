import { spawn, type ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';
import { exitCodeOf, killGroup, type CommandOptions, type CommandResult } from './run-command.js';
import { spawnerMain, type SpawnOrder, type SpawnReport } from './spawner-main.js';

export interface StartedProgram {
  /** Resolves when the program runs and has its descriptors; with null when it could not be started. */
  readonly pid: Promise<number | null>;
  readonly exited: Promise<CommandResult>;
}

interface Pending {
  readonly onPid: (pid: number | null) => void;
  readonly onExit: (result: CommandResult) => void;
}

/**
 * Starts programs from a small process of its own. A fork of the cluster process, with the memory of a whole API server, costs
 * several milliseconds in which nothing else runs there; two hundred pods need a thousand of them.
 */
export class Spawner {
  readonly #pending = new Map<number, Pending>();
  #child: ChildProcess | null = null;
  #lastId = 0;

  /** Runs a program to its end, like `runCommand`. */
  async run(argv: readonly string[], options: CommandOptions = {}): Promise<CommandResult> {
    const { pid, exited } = this.start(argv, options);
    const kill = (): void => void pid.then((leader) => leader !== null && killGroup(leader));
    const timer = setTimeout(kill, options.timeoutMs ?? 30_000);
    const { signal } = options;
    if (signal?.aborted === true) kill();
    signal?.addEventListener('abort', kill, { once: true });
    try {
      return await exited;
    } finally {
      clearTimeout(timer);
      signal?.removeEventListener('abort', kill);
    }
  }

  /** Starts a program; `outputs` are paths that become its descriptors 3, 4, ... */
  start(argv: readonly string[], { stdin, env }: CommandOptions, outputs: readonly string[] = []): StartedProgram {
    const id = ++this.#lastId;
    const order: SpawnOrder = {
      id,
      argv,
      env: env ?? (process.env as Record<string, string>),
      stdin: stdin === undefined ? null : Buffer.from(stdin).toString('base64'),
      outputs,
    };
    let onPid: Pending['onPid'] = () => undefined;
    let onExit: Pending['onExit'] = () => undefined;
    const pid = new Promise<number | null>((resolve) => (onPid = resolve));
    const exited = new Promise<CommandResult>((resolve) => (onExit = resolve));
    this.#pending.set(id, { onPid, onExit });
    (this.#child ??= this.#launch()).stdin!.write(`${JSON.stringify(order)}\n`);
    return { pid, exited };
  }

  /** Programs that run go on; nobody hears of their end any more. */
  stop(): void {
    this.#child?.stdin!.end();
  }

  #launch(): ChildProcess {
    const child = spawn(process.execPath, ['-e', `(${spawnerMain.toString()})()`], {
      stdio: ['pipe', 'pipe', 'inherit'],
      detached: true,
    });
    child.stdin.on('error', () => undefined);
    createInterface({ input: child.stdout }).on('line', (line) => this.#hear(JSON.parse(line) as SpawnReport));
    const lost = (): void => {
      if (this.#child === child) this.#child = null;
      for (const [id, { onPid, onExit }] of this.#pending) {
        this.#pending.delete(id);
        onPid(null);
        onExit({ code: 127, stdout: '', stderr: 'the process that starts programs ended' });
      }
    };
    child.once('error', lost);
    child.once('exit', lost);
    return child;
  }

  #hear(report: SpawnReport): void {
    const pending = this.#pending.get(report.id);
    if (pending === undefined) return;
    if ('pid' in report) {
      pending.onPid(report.pid);
      return;
    }
    this.#pending.delete(report.id);
    pending.onPid(null);
    pending.onExit({
      code: exitCodeOf(report.code, report.signal as NodeJS.Signals | null),
      stdout: Buffer.from(report.stdout, 'base64').toString('utf8'),
      stderr: Buffer.from(report.stderr, 'base64').toString('utf8'),
    });
  }
}
