/** Cuts a byte stream into lines without ever splitting a UTF-8 character. */
export class LineSplitter {
  #parts: Buffer[] = [];
  #length = 0;

  constructor(
    private readonly onLine: (line: string) => void,
    private readonly maxLineBytes: number,
  ) {}

  /** False when a line grew past the limit; the stream is then of no more use. */
  push(chunk: Buffer): boolean {
    let start = 0;
    for (let end = chunk.indexOf(10); end >= 0; end = chunk.indexOf(10, start)) {
      this.#append(chunk.subarray(start, end));
      this.#emit();
      start = end + 1;
    }
    this.#append(chunk.subarray(start));
    return this.#length <= this.maxLineBytes;
  }

  #append(part: Buffer): void {
    if (part.length === 0) return;
    this.#parts.push(part);
    this.#length += part.length;
  }

  #emit(): void {
    const line =
      this.#parts.length === 1 ? this.#parts[0]!.toString('utf8') : Buffer.concat(this.#parts).toString('utf8');
    this.#parts = [];
    this.#length = 0;
    if (line.trim() !== '') this.onLine(line);
  }
}
