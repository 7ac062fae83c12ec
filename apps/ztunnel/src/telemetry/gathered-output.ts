const MOST_GATHERED = 65_536;

/** Output of whole lines: at once, or gathered until the end of this turn of the event loop. Order is kept. */
export class GatheredOutput {
  #gathered = '';
  #planned = false;

  constructor(private readonly write: (text: string) => void) {}

  now(line: string): void {
    this.flush();
    this.write(line);
  }

  soon(line: string): void {
    this.#gathered += line;
    if (this.#gathered.length >= MOST_GATHERED) this.flush();
    if (this.#planned) return;
    this.#planned = true;
    setImmediate(() => {
      this.#planned = false;
      this.flush();
    });
  }

  flush(): void {
    if (this.#gathered === '') return;
    const text = this.#gathered;
    this.#gathered = '';
    this.write(text);
  }
}
