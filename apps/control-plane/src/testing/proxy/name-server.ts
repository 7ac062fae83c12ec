import { createSocket, type Socket } from 'node:dgram';
import { decode, encode, type Answer } from 'dns-packet';

const DNS_PORT = 53;
const TTL_SECONDS = 1;

/** What resolves names for the proxies: IPv4 addresses by name; every other name does not exist. */
export class NameServer {
  readonly #socket: Socket = createSocket('udp4');
  readonly #addresses = new Map<string, readonly string[]>();

  async listen(host: string): Promise<void> {
    this.#socket.on('message', (bytes, from) => {
      try {
        this.#socket.send(this.#answer(bytes), from.port, from.address);
      } catch {
        // Not a question: no answer.
      }
    });
    await new Promise<void>((resolve, reject) => {
      this.#socket.once('error', reject);
      this.#socket.bind(DNS_PORT, host, resolve);
    });
  }

  close(): Promise<void> {
    return new Promise((resolve) => this.#socket.close(() => resolve()));
  }

  /** From now on; none: it does not exist. */
  set(name: string, ...addresses: readonly string[]): void {
    this.#addresses.set(name, addresses);
  }

  #answer(bytes: Buffer): Buffer {
    const { id, questions = [] } = decode(bytes);
    const [question] = questions;
    const addresses = this.#addresses.get(question?.name.toLowerCase() ?? '') ?? [];
    const answers: Answer[] =
      question?.type === 'A'
        ? addresses.map((data) => ({ type: 'A', class: 'IN', name: question.name, ttl: TTL_SECONDS, data }))
        : [];
    const NAME_ERROR = 3;
    return encode({
      type: 'response',
      ...(id === undefined ? {} : { id }),
      flags: addresses.length > 0 ? 0 : NAME_ERROR,
      questions,
      answers,
    });
  }
}
