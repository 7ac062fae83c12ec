/** What the server thread tells the load thread: one writer for each cell. */
export class ServerCounters {
  static readonly BYTES = 4 * Float64Array.BYTES_PER_ELEMENT;
  readonly #cells: Float64Array;

  constructor(readonly memory = new SharedArrayBuffer(ServerCounters.BYTES)) {
    this.#cells = new Float64Array(memory);
  }

  get sunkBytes(): number {
    return this.#cells[0]!;
  }
  addSunk(bytes: number): void {
    this.#cells[0]! += bytes;
  }
  get openConnections(): number {
    return this.#cells[1]!;
  }
  addOpen(change: 1 | -1): void {
    this.#cells[1]! += change;
  }
  get stopping(): boolean {
    return this.#cells[2] === 1;
  }
  stop(): void {
    this.#cells[2] = 1;
  }
}
