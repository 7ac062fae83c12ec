import type { SeqPacketConnection } from '@weft/linux';
import { MeshError, type Clock } from '@weft/result';
import { readAck } from './zds-messages.js';

export type ZdsErrorCode = 'ZDS_NO_ZTUNNEL' | 'ZDS_CONNECTION_LOST' | 'ZDS_REFUSED' | 'ZDS_TIMEOUT';

export class ZdsError extends MeshError {
  constructor(
    readonly code: ZdsErrorCode,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

const ACK_TIMEOUT_MS = 5000;

interface Request {
  readonly message: Uint8Array;
  readonly fds: readonly number[];
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

/** One ztunnel: requests go out one at a time, each waits for its acknowledgement. */
export class ZdsConnection {
  readonly #queue: Request[] = [];
  #current: Request | null = null;
  #cancelTimeout: () => void = () => undefined;

  constructor(
    private readonly socket: SeqPacketConnection,
    private readonly clock: Clock,
  ) {
    socket.on('message', (packet) => this.#answered(packet));
    socket.on('close', (error) =>
      this.#failAll(new ZdsError('ZDS_CONNECTION_LOST', 'ztunnel closed the connection', { cause: error })),
    );
  }

  get closed(): boolean {
    return this.socket.closed;
  }

  /** Resolves on an empty Ack; rejects with ZDS_REFUSED (ztunnel's text), ZDS_TIMEOUT (the connection is closed), ZDS_CONNECTION_LOST. */
  request(message: Uint8Array, fds: readonly number[] = []): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#queue.push({ message, fds, resolve, reject });
      this.#next();
    });
  }

  close(): void {
    this.socket.close();
  }

  #next(): void {
    if (this.#current !== null) return;
    const request = this.#queue.shift();
    if (request === undefined) return;
    this.#current = request;
    this.#cancelTimeout = this.clock.after(ACK_TIMEOUT_MS, () => {
      this.#settle((current) =>
        current.reject(new ZdsError('ZDS_TIMEOUT', `ztunnel did not answer within ${ACK_TIMEOUT_MS} ms`)),
      );
      this.socket.close();
    });
    this.socket.send(request.message, request.fds).catch((cause: unknown) => {
      if (this.#current !== request) return;
      this.#settle(() =>
        request.reject(new ZdsError('ZDS_CONNECTION_LOST', 'the request could not be sent to ztunnel', { cause })),
      );
      this.socket.close();
    });
  }

  #answered(packet: Buffer): void {
    if (this.#current === null) {
      this.socket.close(); // an answer to nothing: the two sides no longer agree where they are
      return;
    }
    const ack = readAck(packet);
    this.#settle((current) => (ack.ok ? current.resolve() : current.reject(new ZdsError('ZDS_REFUSED', ack.error))));
    this.#next();
  }

  #settle(answer: (current: Request) => void): void {
    this.#cancelTimeout();
    const current = this.#current;
    this.#current = null;
    if (current !== null) answer(current);
  }

  #failAll(error: Error): void {
    this.#settle((current) => current.reject(error));
    for (const { reject } of this.#queue.splice(0)) reject(error);
  }
}
