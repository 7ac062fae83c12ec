import { spawn } from 'node:child_process';
import { MeshError } from '@weft/result';

export interface CommandResult {
  /** Exit code; 128 + number when a signal ended the program, 127 when it could not be started. */
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface CommandOptions {
  readonly stdin?: string | Buffer | undefined;
  /** The whole environment of the program; default: that of this process. */
  readonly env?: Readonly<Record<string, string>> | undefined;
  /** Default 30 s; the program is killed then. */
  readonly timeoutMs?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** A program that had to succeed did not. The message holds the last line of its standard error. */
export class CommandError extends MeshError {
  readonly code = 'CLUSTER_COMMAND_FAILED';

  constructor(
    readonly argv: readonly string[],
    readonly result: CommandResult,
  ) {
    super(`${argv.join(' ').slice(0, 300)}: exit code ${result.code}: ${lastLines(result.stderr || result.stdout)}`);
  }
}

const MAX_OUTPUT_BYTES = 16 * 1024 * 1024;
const SIGNAL_EXIT: Readonly<Record<string, number>> = {
  SIGHUP: 129,
  SIGINT: 130,
  SIGQUIT: 131,
  SIGABRT: 134,
  SIGKILL: 137,
  SIGSEGV: 139,
  SIGPIPE: 141,
  SIGTERM: 143,
};

/** The exit code as a shell reports it. */
export function exitCodeOf(code: number | null, signal: NodeJS.Signals | null): number {
  return code ?? SIGNAL_EXIT[signal ?? ''] ?? 128;
}

/** Runs a program to its end and collects its output. Never rejects: a program that cannot start has exit code 127. */
export function runCommand(argv: readonly string[], options: CommandOptions = {}): Promise<CommandResult> {
  const [program = '', ...args] = argv;
  const { stdin, env, timeoutMs = 30_000, signal } = options;
  return new Promise((resolve) => {
    const stdio = [stdin === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'] as const;
    // A process group of its own, so that what the program started can be killed with it.
    const child = spawn(program, args, { stdio: [...stdio], detached: true, ...(env === undefined ? {} : { env }) });
    const kill = (): void => {
      if (child.pid !== undefined) killGroup(child.pid);
      // Something that left the group may hold the pipes open for long.
      child.stdout?.destroy();
      child.stderr?.destroy();
    };
    const timer = setTimeout(kill, timeoutMs);
    if (signal?.aborted === true) kill();
    signal?.addEventListener('abort', kill, { once: true });
    const out = new Output();
    const errors = new Output();
    child.stdout?.on('data', (chunk: Buffer) => out.add(chunk)).on('error', () => undefined);
    child.stderr?.on('data', (chunk: Buffer) => errors.add(chunk)).on('error', () => undefined);
    child.stdin?.on('error', () => undefined).end(stdin);
    const finish = (result: CommandResult): void => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', kill);
      resolve(result);
    };
    child.once('error', (error) => finish({ code: 127, stdout: '', stderr: error.message }));
    child.once('close', (code, killedBy) =>
      finish({ code: exitCodeOf(code, killedBy), stdout: out.text(), stderr: errors.text() }),
    );
  });
}

/** Kills a program that leads a process group, with all in that group. */
export function killGroup(leader: number): void {
  try {
    process.kill(-leader, 'SIGKILL');
  } catch {
    // It ended meanwhile.
  }
}

/** Like `runCommand`, and rejects with CommandError unless the exit code is 0. */
export async function mustRun(argv: readonly string[], options?: CommandOptions): Promise<string> {
  const result = await runCommand(argv, options);
  if (result.code !== 0) throw new CommandError(argv, result);
  return result.stdout;
}

class Output {
  readonly #chunks: Buffer[] = [];
  #bytes = 0;

  add(chunk: Buffer): void {
    if (this.#bytes >= MAX_OUTPUT_BYTES) return;
    this.#bytes += chunk.length;
    this.#chunks.push(chunk);
  }

  text(): string {
    return Buffer.concat(this.#chunks).toString('utf8');
  }
}

function lastLines(text: string): string {
  return text.trim().split('\n').slice(-3).join(' | ').slice(-500) || 'no output';
}
