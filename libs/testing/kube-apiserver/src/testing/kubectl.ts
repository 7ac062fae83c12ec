import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ApiServer } from '../api-server.js';
import { DEADLINE_MS, eventually } from './test-server.js';

export interface KubectlResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** The real kubectl with a home of its own, so that no cache and no configuration of the machine comes in. */
export class Kubectl {
  readonly #home = mkdtempSync(join(tmpdir(), 'weft-kubectl-'));
  readonly #running = new Set<ChildProcess>();

  constructor(server: ApiServer) {
    writeFileSync(join(this.#home, 'config'), server.adminKubeconfig(`https://127.0.0.1:${server.ports[0]!}`), {
      mode: 0o600,
    });
  }

  /** Runs to the end, whatever the exit code. */
  try(args: string, stdin = ''): Promise<KubectlResult> {
    return new Promise((resolve) => {
      const child = execFile(
        'kubectl',
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

  /** Starts a command that goes on; what it prints grows in `output`. */
  start(args: string): {
    readonly output: () => string;
    readonly until: (text: string) => Promise<unknown>;
    readonly stop: () => void;
  } {
    const child = spawn('kubectl', splitArguments(args), { env: this.#env, stdio: ['ignore', 'pipe', 'pipe'] });
    this.#running.add(child);
    let text = '';
    child.stdout.on('data', (chunk: Buffer) => (text += chunk.toString()));
    child.stderr.on('data', (chunk: Buffer) => (text += chunk.toString()));
    child.on('error', () => undefined);
    return {
      output: () => text,
      until: (wanted) => eventually(`kubectl ${args} prints ${wanted}; so far: ${text}`, () => text.includes(wanted)),
      stop: () => child.kill('SIGKILL'),
    };
  }

  dispose(): void {
    for (const child of this.#running) child.kill('SIGKILL');
    rmSync(this.#home, { recursive: true, force: true });
  }

  get #env(): NodeJS.ProcessEnv {
    return { PATH: process.env['PATH'], HOME: this.#home, KUBECONFIG: join(this.#home, 'config') };
  }
}

/** Splits at blanks; single quotes keep text together. */
function splitArguments(text: string): string[] {
  return [...text.matchAll(/(?:[^\s']+|'[^']*')+/g)].map(([word]) => word.replace(/'/g, ''));
}
