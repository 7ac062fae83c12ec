import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { until } from '@weft/testing-fixtures';
import type { ApiServer } from '../api-server.js';
import { DEADLINE_MS } from './test-server.js';

export interface KubectlResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface KubectlBytes {
  readonly code: number;
  readonly stdout: Buffer;
  readonly stderr: string;
}

/** Another version than the one of the machine, for a run by hand. */
const PROGRAM = process.env['KUBECTL'] ?? 'kubectl';

/** The real kubectl with a home of its own, so that no cache and no configuration of the machine comes in. */
export class Kubectl {
  readonly #home = mkdtempSync(join(tmpdir(), 'weft-kubectl-'));
  readonly #running = new Set<ChildProcess>();

  constructor(
    server: ApiServer,
    private readonly settings: Readonly<Record<string, string>> = {},
  ) {
    writeFileSync(join(this.#home, 'config'), server.adminKubeconfig(`https://127.0.0.1:${server.ports[0]!}`), {
      mode: 0o600,
    });
  }

  /** Runs to the end, whatever the exit code. */
  try(args: string, stdin = ''): Promise<KubectlResult> {
    return new Promise((resolve) => {
      const child = execFile(
        PROGRAM,
        splitArguments(args),
        { env: this.#env, timeout: DEADLINE_MS * 2 },
        (error, stdout, stderr) => {
          resolve({ code: error === null ? 0 : typeof error.code === 'number' ? error.code : 1, stdout, stderr });
        },
      );
      child.stdin?.on('error', () => undefined);
      child.stdin?.end(stdin);
    });
  }

  /** The output of a command that must succeed. */
  async run(args: string, stdin = ''): Promise<string> {
    const { code, stdout, stderr } = await this.try(args, stdin);
    if (code !== 0) throw new Error(`kubectl ${args}: exit ${code}: ${stderr}`);
    return stdout;
  }

  /** Like `try`, for input and output of any bytes and any length. */
  bytes(args: readonly string[], stdin: Buffer = Buffer.alloc(0)): Promise<KubectlBytes> {
    return this.wrapped([], args, stdin);
  }

  /** Like `bytes`, started by another program that gets kubectl and its arguments as its last arguments. */
  wrapped(by: readonly string[], args: readonly string[], stdin: Buffer = Buffer.alloc(0)): Promise<KubectlBytes> {
    const [program, ...rest] = [...by, PROGRAM, ...args] as [string, ...string[]];
    const child = spawn(program, rest, { env: this.#env, stdio: 'pipe' });
    this.#running.add(child);
    const deadline = setTimeout(() => child.kill('SIGKILL'), DEADLINE_MS * 2);
    const stdout: Buffer[] = [];
    let stderr = '';
    child.stdout.on('data', (chunk: Buffer) => stdout.push(chunk));
    child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
    child.stdin.on('error', () => undefined);
    child.stdin.end(stdin);
    return new Promise((resolve) => {
      child.on('error', (error) => (stderr += error.message));
      child.on('close', (code) => {
        clearTimeout(deadline);
        this.#running.delete(child);
        resolve({ code: code ?? -1, stdout: Buffer.concat(stdout), stderr });
      });
    });
  }

  /** Starts a command that goes on; what it prints grows in `output`. */
  start(args: string): {
    readonly output: () => string;
    readonly until: (text: string) => Promise<unknown>;
    readonly stop: () => void;
  } {
    const child = spawn(PROGRAM, splitArguments(args), { env: this.#env, stdio: 'pipe' });
    child.stdin.on('error', () => undefined);
    this.#running.add(child);
    let text = '';
    child.stdout.on('data', (chunk: Buffer) => (text += chunk.toString()));
    child.stderr.on('data', (chunk: Buffer) => (text += chunk.toString()));
    child.on('error', () => undefined);
    return {
      output: () => text,
      until: (wanted) => until(() => text.includes(wanted), `kubectl ${args} prints ${wanted}; so far: ${text}`),
      stop: () => child.kill('SIGKILL'),
    };
  }

  dispose(): void {
    for (const child of this.#running) child.kill('SIGKILL');
    rmSync(this.#home, { recursive: true, force: true });
  }

  get #env(): NodeJS.ProcessEnv {
    return { PATH: process.env['PATH'], HOME: this.#home, KUBECONFIG: join(this.#home, 'config'), ...this.settings };
  }
}

/** Splits at blanks; single quotes keep text together. */
function splitArguments(text: string): string[] {
  return [...text.matchAll(/(?:[^\s']+|'[^']*')+/g)].map(([word]) => word.replace(/'/g, ''));
}
