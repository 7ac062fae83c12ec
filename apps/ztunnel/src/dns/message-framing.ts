/** DNS messages in a TCP stream: two bytes of length in front of each (RFC 1035 4.2.2). */
export class MessageFraming {
  #pending: Buffer = Buffer.alloc(0);

  /** The messages that are whole now; what is left is kept for the next bytes. */
  push(bytes: Buffer): readonly Buffer[] {
    this.#pending = this.#pending.length === 0 ? bytes : Buffer.concat([this.#pending, bytes]);
    const messages: Buffer[] = [];
    let at = 0;
    for (; this.#pending.length >= at + 2;) {
      const end = at + 2 + this.#pending.readUInt16BE(at);
      if (end > this.#pending.length) break;
      messages.push(Buffer.from(this.#pending.subarray(at + 2, end)));
      at = end;
    }
    this.#pending = this.#pending.subarray(at);
    return messages;
  }
}

export function frame(message: Buffer): Buffer {
  const framed = Buffer.allocUnsafe(message.length + 2);
  framed.writeUInt16BE(message.length, 0);
  message.copy(framed, 2);
  return framed;
}
