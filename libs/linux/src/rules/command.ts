import { spawn } from 'node:child_process';
import { MeshError } from '@weft/result';

/** `COMMAND_FAILED`: a program could not be started, took too long, or ended with another status than 0. */
export class CommandError extends MeshError {
  readonly code = 'COMMAND_FAILED';

  constructor(
    readonly command: string,
    readonly status: number | null,
    readonly output: string,
    options?: ErrorOptions,
  ) {
    super(
      `${command} failed${status === null ? '' : ` with status ${status}`}: ${output.trim() || 'no output'}`,
      options,
    );
  }
}

export interface CommandOptions {
  readonly input?: string;
  /** Run inside this network namespace (an open descriptor; it stays the caller's). */
  readonly netnsFd?: number;
  /** Default 30 s: xtables locks can be held for long on a busy node. */
  readonly timeoutMs?: number;
}

/** Runs one program to its end and gives its stdout. */
export type RunCommand = (argv: readonly string[], options?: CommandOptions) => Promise<string>;

export const runCommand: RunCommand = (argv, { input, netnsFd, timeoutMs = 30_000 } = {}) => {
  // The descriptor becomes the child's fd 3, which nsenter opens through /dev/fd: no path of the namespace is needed.
  const [program = '', ...args] = netnsFd === undefined ? argv : ['nsenter', '--net=/dev/fd/3', '--', ...argv];
  const shown = argv.join(' ');
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, {
      stdio: ['pipe', 'pipe', 'pipe', ...(netnsFd === undefined ? [] : [netnsFd])],
      timeout: timeoutMs,
      killSignal: 'SIGKILL',
    });
    let stdout = '';
    let stderr = '';
    child.stdout!.setEncoding('utf8').on('data', (text: string) => (stdout += text));
    child.stderr!.setEncoding('utf8').on('data', (text: string) => (stderr += text));
    child.stdin!.on('error', () => undefined); // the program may end without reading; its status tells
    child.on('error', (cause) => reject(new CommandError(shown, null, cause.message, { cause })));
    child.on('close', (status, signal) => {
      if (status === 0) resolve(stdout);
      else
        reject(
          new CommandError(shown, status, signal === 'SIGKILL' ? `no answer in ${timeoutMs} ms` : stderr || stdout),
        );
    });
    child.stdin!.end(input ?? '');
  });
};
