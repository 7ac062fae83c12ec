import type { HboneConnection } from '../connection.js';
import type { HboneStream } from '../stream.js';

/** Sends a whole Buffer on a stream, as windows and room allow, then ends it. `pump` again from onWritable. */
export class StreamWriter {
  #sent = 0;

  constructor(
    private readonly connection: HboneConnection,
    private readonly stream: HboneStream,
    private readonly content: Buffer,
    private readonly maxFrameBytes = Number.POSITIVE_INFINITY,
  ) {}

  pump(): void {
    while (this.#sent < this.content.length) {
      const { offset, length } = this.connection.reserve(this.stream);
      const n = Math.min(length, this.maxFrameBytes, this.content.length - this.#sent);
      if (n === 0) return;
      this.content.copy(this.connection.out.bytes, offset, this.#sent, this.#sent + n);
      this.connection.commit(this.stream, n);
      this.#sent += n;
    }
    this.connection.end(this.stream);
  }
}
