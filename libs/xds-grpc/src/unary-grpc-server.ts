import { constants as ssl } from 'node:crypto';
import { createServer, type Server, type TLSSocket } from 'node:tls';
import { GrpcConnection } from './grpc-connection.js';
import type { UnaryMethods } from './unary-exchange.js';

export interface UnaryGrpcServerOptions extends UnaryMethods {
  /** Ask clients for a certificate. They need none, and one that they show is not verified here: see `GrpcPeer`. */
  readonly requestClientCertificate: boolean;
  /** Called before answers are written to sockets, once for all of one turn of the event loop. */
  readonly beforeAnswers?: () => void;
}

const HANDSHAKE_MS = 10_000;
/** How exactly deadlines of requests are kept. */
const TICK_MS = 100;

/**
 * Serves unary gRPC methods over TLS on our own HTTP/2 (`@weft/hbone`), with its limits against floods. It takes a fifth of the
 * CPU of grpc-js, a third of node:http2, and shows the client's certificate chain. No compression, no message larger than the
 * limit, nothing without a deadline. A client need not say `te: trailers`; what it says must be that.
 *
 * @see https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md
 */
export class UnaryGrpcServer {
  readonly #server: Server;
  readonly #connections = new Set<GrpcConnection>();
  readonly #withOutput = new Set<GrpcConnection>();
  #ticker: NodeJS.Timeout | null = null;
  #stopping = false;

  constructor(private readonly options: UnaryGrpcServerOptions) {
    this.#server = createServer({
      ...{ ALPNProtocols: ['h2'], handshakeTimeout: HANDSHAKE_MS },
      // A resumed session would show a certificate that was verified by nobody who is still here.
      secureOptions: ssl.SSL_OP_NO_TICKET,
      ...{ requestCert: options.requestClientCertificate, rejectUnauthorized: false },
    });
    this.#server.on('secureConnection', (socket) => this.#connected(socket));
    this.#server.on('tlsClientError', (_failure, socket) => socket.destroy());
  }

  /** Must be called before `listen`; later calls hold for new connections. */
  useCertificate(certificate: { readonly certificateChainPem: string; readonly privateKeyPem: string }): void {
    this.#server.setSecureContext({
      ...{ cert: certificate.certificateChainPem, key: certificate.privateKeyPem },
      secureOptions: ssl.SSL_OP_NO_TICKET,
    });
  }

  /** Resolves with the bound port. */
  async listen(host: string, port: number): Promise<number> {
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(port, host, () => {
        this.#server.off('error', reject).on('error', this.options.onHandlerFailure);
        resolve();
      });
    });
    const address = this.#server.address();
    return typeof address === 'object' && address !== null ? address.port : 0;
  }

  /** Takes no more requests and resolves when the last one is answered, or when `hard` aborts. */
  async stop(hard: AbortSignal): Promise<void> {
    this.#stopping = true;
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    for (const connection of this.#connections) connection.shutdown();
    const force = (): void => {
      for (const connection of this.#connections) connection.destroy();
    };
    if (hard.aborted) force();
    hard.addEventListener('abort', force);
    await closed;
    hard.removeEventListener('abort', force);
  }

  #connected(socket: TLSSocket): void {
    if (socket.alpnProtocol !== 'h2' || this.#stopping) {
      socket.on('error', () => undefined).destroy();
      return;
    }
    const connection = new GrpcConnection(socket, this.options, {
      outputWaits: (waiting) => this.#outputWaits(waiting),
      closed: (gone) => this.#closed(gone),
    });
    this.#connections.add(connection);
    this.#ticker ??= setInterval(() => this.#tick(), TICK_MS);
  }

  #closed(connection: GrpcConnection): void {
    this.#connections.delete(connection);
    this.#withOutput.delete(connection);
    if (this.#connections.size > 0 || this.#ticker === null) return;
    clearInterval(this.#ticker);
    this.#ticker = null;
  }

  #tick(): void {
    const nowMs = Date.now();
    for (const connection of this.#connections) connection.tick(nowMs);
  }

  #outputWaits(connection: GrpcConnection): void {
    if (this.#withOutput.size === 0) setImmediate(() => this.#flush());
    this.#withOutput.add(connection);
  }

  #flush(): void {
    const waiting = [...this.#withOutput];
    this.#withOutput.clear();
    this.options.beforeAnswers?.();
    for (const connection of waiting) connection.flush();
  }
}
