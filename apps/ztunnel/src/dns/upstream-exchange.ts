import type { IpAddress } from '@weft/ip';
import { toError, type Clock } from '@weft/result';
import { isAnswerTo, rcodeOf, rcodes } from './dns-message.js';
import type { DnsTransport } from './encode-answer.js';

/** One way to one nameserver. Handlers must not run from inside `connect` or `send`. */
export interface UpstreamConnection {
  send(message: Buffer): void;
  close(): void;
}

export interface UpstreamHandlers {
  message(bytes: Buffer): void;
  /** At most once matters: this nameserver will not answer. */
  failed(reason: string): void;
}

/** Throws if the nameserver cannot be reached at all (`ENETUNREACH`). */
export type ConnectUpstream = (
  server: IpAddress,
  transport: DnsTransport,
  handlers: UpstreamHandlers,
) => UpstreamConnection;

export interface ExchangeOptions {
  readonly servers: readonly IpAddress[];
  readonly transport: DnsTransport;
  /** With the client's id; it is sent with another, random one. */
  readonly query: Buffer;
  readonly questionEnd: number;
  readonly connect: ConnectUpstream;
  readonly clock: Clock;
  /** In [0, 65535], not to be guessed. */
  readonly randomId: () => number;
  /** Once; the answer has the client's id. */
  readonly done: (outcome: { readonly answer: Buffer } | { readonly failure: string }) => void;
}

/** Before resolvers stop to listen, which is mostly after 5 s: they must hear of the failure. */
const DEADLINE_MS = 4500;
/** How long a nameserver is waited for before the next one is asked, too. */
const NEXT_SERVER_MS = 1500;
/** As the C library: these say something of the server, not of the name, so another server is asked. */
const TRY_NEXT: ReadonlySet<number> = new Set([rcodes.serverFailure, rcodes.notImplemented, rcodes.refused]);

/**
 * One query, asked of the nameservers in order until one answers it. What it answers is passed on byte for byte; messages
 * that do not answer this question are not looked at.
 */
export class UpstreamExchange {
  readonly #query: Buffer;
  readonly #connections = new Set<UpstreamConnection>();
  #cancelDeadline: () => void = () => undefined;
  #cancelNext: () => void = () => undefined;
  #next = 0;
  #waitingFor = 0;
  #unhelpful: Buffer | null = null;
  #failure = 'no nameserver is configured';
  #finished = false;

  constructor(private readonly options: ExchangeOptions) {
    this.#query = Buffer.from(options.query);
    this.#query.writeUInt16BE(options.randomId(), 0);
  }

  /** `done` may be called before it returns. */
  start(): void {
    this.#cancelDeadline = this.options.clock.after(DEADLINE_MS, () => {
      this.#failure = `no answer within ${DEADLINE_MS} ms`;
      this.#giveUp();
    });
    this.#askNext();
  }

  /** Ends it without a word to anybody. */
  abort(): void {
    this.#finished = true;
    this.#cancelDeadline();
    this.#cancelNext();
    for (const connection of this.#connections) connection.close();
    this.#connections.clear();
  }

  #askNext(): void {
    const { servers, clock } = this.options;
    this.#cancelNext();
    while (!this.#finished && this.#next < servers.length) {
      if (!this.#ask(servers[this.#next++]!)) continue;
      if (this.#next < servers.length) this.#cancelNext = clock.after(NEXT_SERVER_MS, () => this.#askNext());
      return;
    }
    if (this.#waitingFor === 0) this.#giveUp();
  }

  #ask(server: IpAddress): boolean {
    let settled = false;
    const settle = (): void => {
      if (settled || this.#finished) return;
      settled = true;
      this.#waitingFor--;
      this.#askNext();
    };
    try {
      const connection = this.options.connect(server, this.options.transport, {
        message: (bytes) => {
          if (settled || this.#finished || !isAnswerTo(bytes, this.#query, this.options.questionEnd)) return;
          if (!TRY_NEXT.has(rcodeOf(bytes))) {
            this.#answer(bytes);
            return;
          }
          this.#unhelpful = bytes;
          settle();
        },
        failed: (reason) => {
          this.#failure = `${server.text}: ${reason}`;
          settle();
        },
      });
      this.#connections.add(connection);
      this.#waitingFor++;
      connection.send(this.#query);
      return true;
    } catch (cause) {
      this.#failure = `${server.text}: ${toError(cause).message}`;
      return false;
    }
  }

  #answer(bytes: Buffer): void {
    if (this.#finished) return;
    this.abort();
    const answer = Buffer.from(bytes);
    this.options.query.copy(answer, 0, 0, 2);
    this.options.done({ answer });
  }

  #giveUp(): void {
    if (this.#finished) return;
    if (this.#unhelpful !== null) {
      this.#answer(this.#unhelpful);
      return;
    }
    this.abort();
    this.options.done({ failure: this.#failure });
  }
}
