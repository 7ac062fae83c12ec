/** Progress for people on stderr; stdout carries results only. */
export class Terminal {
  readonly #start = performance.now();

  constructor(private readonly quiet: boolean) {}

  get columns(): number {
    return process.stdout.isTTY ? process.stdout.columns : 200;
  }

  get interactive(): boolean {
    return process.stdout.isTTY;
  }

  step(text: string): void {
    if (!this.quiet)
      process.stderr.write(`weft: ${text.padEnd(50)} ${((performance.now() - this.#start) / 1000).toFixed(1)} s\n`);
  }

  /** Replaces what was drawn before, without flicker: home, draw, clear the rest. */
  draw(text: string): void {
    const lines = text.split('\n').map((line) => `${line}\u001b[K`);
    process.stdout.write(`\u001b[H${lines.join('\n')}\u001b[J`);
  }

  print(text: string): void {
    process.stdout.write(`${text}\n`);
  }
}
