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
  return new Promise((resolve) => {
    const child = spawn(program, args, {
      stdio: [options.stdin === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
      ...(options.env === undefined ? {} : { env: options.env }),
      timeout: options.timeoutMs ?? 30_000,
      killSignal: 'SIGKILL',
      ...(options.signal === undefined ? {} : { signal: options.signal }),
    });
    const out = new Output();
    const errors = new Output();
    child.stdout!.on('data', (chunk: Buffer) => out.add(chunk)).on('error', () => undefined);
    child.stderr!.on('data', (chunk: Buffer) => errors.add(chunk)).on('error', () => undefined);
    child.stdin?.on('error', () => undefined).end(options.stdin);
    let failure = '';
    child.once('error', (error) => {
      failure = error.message;
      if (child.pid === undefined) resolve({ code: 127, stdout: '', stderr: failure });
    });
    child.once('close', (code, signal) => {
      const stderr = failure === '' ? errors.text() : `${errors.text()}${failure}`;
      resolve({ code: exitCodeOf(code, signal), stdout: out.text(), stderr });
    });
  });
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
