import { spawn } from 'node:child_process';
import type { CommandOptions, CommandOutput } from './cluster.js';

const DEFAULT_TIMEOUT_MS = 30_000;

/** Runs a program to its end. Rejects only when it cannot be started or takes too long. */
export function runProgram(
  argv: readonly string[],
  { stdin, timeoutMs = DEFAULT_TIMEOUT_MS }: CommandOptions = {},
  env: NodeJS.ProcessEnv = process.env,
): Promise<CommandOutput> {
  const [program = '', ...args] = argv;
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { env, stdio: ['pipe', 'pipe', 'pipe'] });
    let stdout = '';
    let stderr = '';
    const timer = setTimeout(() => {
      child.kill('SIGKILL');
      reject(
        new Error(`${argv.join(' ')} took longer than ${timeoutMs} ms: ${stdout.slice(-500)} ${stderr.slice(-500)}`),
      );
    }, timeoutMs);
    child.on('error', (error) => {
      clearTimeout(timer);
      reject(error);
    });
    child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
    child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
    child.stdin.on('error', () => undefined);
    child.stdin.end(stdin ?? '');
    child.on('close', (code) => {
      clearTimeout(timer);
      resolve({ code: code ?? 128, stdout, stderr });
    });
  });
}
