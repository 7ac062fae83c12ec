import { spawn, type ChildProcess } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { PeerError } from './bench-error.js';
import { processTree } from './cpu-meter.js';

const STOP_MS = 3000;
const OUTPUT_BYTES = 400;

export interface ProgramOptions {
  readonly argv: readonly string[];
  /** Its stdout and stderr, access log included. */
  readonly logPath: string;
  /** Null: the bench's own. */
  readonly netns: string | null;
  /** Beside PATH, which is all that it inherits. */
  readonly env?: Readonly<Record<string, string>>;
}

/** One process of a peer. */
export class Program {
  #ended: string | null = null;

  private constructor(
    private readonly child: ChildProcess,
    private readonly logPath: string,
  ) {}

  /** Throws PeerError when the program cannot be started; what it does later is `problem`'s. */
  static async start({ argv, logPath, netns, env = {} }: ProgramOptions): Promise<Program> {
    const [file = '', ...args] = netns === null ? argv : ['ip', 'netns', 'exec', netns, ...argv];
    const log = openSync(logPath, 'a');
    const child = spawn(file, args, { stdio: ['ignore', log, log], env: { PATH: process.env['PATH'] ?? '', ...env } });
    closeSync(log);
    const program = new Program(child, logPath);
    child.once('exit', (code, signal) => (program.#ended = `ended with ${signal ?? code}`));
    await new Promise<void>((resolve, reject) => {
      child.once('spawn', resolve);
      child.on('error', (cause) => reject(new PeerError(`${argv[0]} cannot be started: ${cause.message}`, { cause })));
    });
    return program;
  }

  get pid(): number {
    return this.child.pid ?? 0;
  }

  /** Null while it runs. */
  get problem(): string | null {
    if (this.#ended === null) return null;
    return `${this.#ended}: ${this.output}`;
  }

  /** The end of what it wrote. */
  get output(): string {
    return readFileSync(this.logPath, 'utf8').trim().slice(-OUTPUT_BYTES);
  }

  async stop(): Promise<void> {
    if (this.#ended !== null) return;
    const gone = new Promise<void>((resolve) => this.child.once('exit', () => resolve()));
    const tree = this.#signal('SIGTERM', processTree(this.pid));
    const timer = setTimeout(() => this.#signal('SIGKILL', tree), STOP_MS);
    await gone;
    clearTimeout(timer);
  }

  /** All of them: a shell that is ended leaves behind what it runs. */
  #signal(signal: NodeJS.Signals, pids: readonly number[]): readonly number[] {
    for (const pid of pids) {
      try {
        process.kill(pid, signal);
      } catch {
        // It is gone already.
      }
    }
    return pids;
  }
}
