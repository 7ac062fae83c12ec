import { spawn, type ChildProcess } from 'node:child_process';
import { until } from '@weft/testing-fixtures';

/** A program that goes on while the test does; its output so far can be read and waited for. */
export class RunningCommand {
  stdout = '';
  stderr = '';
  readonly exit: Promise<number>;
  readonly #child: ChildProcess;
  #ended = false;

  constructor(
    readonly argv: readonly string[],
    env: NodeJS.ProcessEnv,
  ) {
    const [program = '', ...args] = argv;
    this.#child = spawn(program, args, { env, stdio: ['pipe', 'pipe', 'pipe'] });
    this.#child.stdin?.on('error', () => undefined);
    this.#child.stdout?.setEncoding('utf8').on('data', (text: string) => (this.stdout += text));
    this.#child.stderr?.setEncoding('utf8').on('data', (text: string) => (this.stderr += text));
    this.exit = new Promise((resolve) => {
      this.#child.on('error', (error) => {
        this.stderr += error.message;
        this.#ended = true;
        resolve(127);
      });
      this.#child.on('close', (code, signal) => {
        this.#ended = true;
        resolve(code ?? (signal === null ? 1 : 128));
      });
    });
  }

  get ended(): boolean {
    return this.#ended;
  }

  write(text: string): void {
    this.#child.stdin?.write(text);
  }

  endInput(): void {
    this.#child.stdin?.end();
  }

  /** Waits until standard output matches; rejects with all output when the program ends first or the deadline passes. */
  async says(pattern: RegExp, deadlineMs = 10_000): Promise<void> {
    const said = (): boolean => pattern.test(this.stdout);
    await until(() => said() || this.#ended, `${this.argv.join(' ')} says ${String(pattern)}`, deadlineMs).catch(
      (thrown: unknown) => {
        throw new Error(`${String(thrown)}; it said ${JSON.stringify(this.stdout)} ${JSON.stringify(this.stderr)}`);
      },
    );
    if (!said())
      throw new Error(
        `${this.argv.join(' ')} ended after ${JSON.stringify(this.stdout)} ${JSON.stringify(this.stderr)}`,
      );
  }

  /** Ends it and waits for that. */
  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
    if (!this.#ended) this.#child.kill(signal);
    const hard = setTimeout(() => this.#child.kill('SIGKILL'), 3000);
    await this.exit;
    clearTimeout(hard);
  }
}
