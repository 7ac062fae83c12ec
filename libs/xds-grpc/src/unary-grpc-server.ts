import { constants as ssl } from 'node:crypto';
import {
  constants,
  createSecureServer,
  type Http2SecureServer,
  type IncomingHttpHeaders,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from 'node:http2';
import { status } from '@grpc/grpc-js';
import { toError } from '@weft/result';
import { GrpcPeer } from './grpc-peer.js';
import { readUnaryMessage, refusalHeaders, unaryFrame, type GrpcRefusal } from './grpc-wire.js';

/** One request as the handler sees it. */
export interface UnaryCall {
  readonly message: Buffer;
  readonly headers: IncomingHttpHeaders;
  readonly peer: GrpcPeer;
}

export type UnaryAnswer =
  { readonly ok: true; readonly value: Uint8Array } | { readonly ok: false; readonly error: GrpcRefusal };

/** Rejections are answered INTERNAL without their text. */
export type UnaryHandler = (call: UnaryCall) => Promise<UnaryAnswer>;

export interface UnaryGrpcServerOptions {
  /** By path: `/package.Service/Method`. */
  readonly methods: Readonly<Record<string, UnaryHandler>>;
  readonly largestRequestBytes: number;
  /** Ask clients for a certificate. They need none, and one that they show is not verified here: see `GrpcPeer`. */
  readonly requestClientCertificate: boolean;
  readonly onHandlerFailure: (failure: Error) => void;
}

const HANDSHAKE_MS = 10_000;
/** A request that has not come as a whole by then is cut off; so is a connection without any. */
const REQUEST_MS = 30_000;
const IDLE_SESSION_MS = 30 * 60_000;
const STREAMS_PER_SESSION = 256;
const ANSWER = { ':status': 200, 'content-type': 'application/grpc' };

/**
 * Serves unary gRPC methods over TLS on node:http2 itself. grpc-js serves any kind of method and takes twice the CPU for it,
 * and hides the client's certificate chain. No compression, no message larger than the limit, nothing without a deadline.
 *
 * @see https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md
 */
export class UnaryGrpcServer {
  readonly #server: Http2SecureServer;
  readonly #sessions = new Map<ServerHttp2Session, GrpcPeer>();

  constructor(private readonly options: UnaryGrpcServerOptions) {
    this.#server = createSecureServer({
      ...{ ALPNProtocols: ['h2'], handshakeTimeout: HANDSHAKE_MS },
      // A resumed session would show a certificate that was verified by nobody who is still here.
      secureOptions: ssl.SSL_OP_NO_TICKET,
      ...{ requestCert: options.requestClientCertificate, rejectUnauthorized: false },
      ...{ settings: { maxConcurrentStreams: STREAMS_PER_SESSION }, maxSessionMemory: 4 },
    });
    const ignore = (): void => undefined; // a connection that breaks is the client's to notice
    this.#server.on('session', (session) => this.#opened(session));
    this.#server.on('sessionError', ignore).on('tlsClientError', ignore).on('clientError', ignore);
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
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    for (const session of this.#sessions.keys()) session.close();
    const force = (): void => {
      for (const session of this.#sessions.keys()) session.destroy();
    };
    if (hard.aborted) force();
    hard.addEventListener('abort', force);
    await closed;
    hard.removeEventListener('abort', force);
  }

  #opened(session: ServerHttp2Session): void {
    const peer = new GrpcPeer(session.socket);
    this.#sessions.set(session, peer);
    session.on('error', () => undefined);
    session.once('close', () => this.#sessions.delete(session));
    session.setTimeout(IDLE_SESSION_MS, () => session.close());
    session.on('stream', (stream, headers) => this.#request(stream, headers, peer));
  }

  #request(stream: ServerHttp2Stream, headers: IncomingHttpHeaders, peer: GrpcPeer): void {
    const { methods, largestRequestBytes } = this.options;
    stream.on('error', () => undefined);
    if (headers[':method'] !== 'POST' || headers['content-type']?.startsWith('application/grpc') !== true) {
      stream.respond({ ':status': 415 }, { endStream: true });
      return;
    }
    const handler = methods[headers[':path'] ?? ''];
    if (handler === undefined) {
      refuse(stream, { code: status.UNIMPLEMENTED, message: `there is no method ${headers[':path'] ?? ''}` });
      return;
    }
    const chunks: Buffer[] = [];
    let length = 0;
    stream.setTimeout(REQUEST_MS, () => stream.close(constants.NGHTTP2_CANCEL));
    stream.on('data', (chunk: Buffer) => {
      length += chunk.length;
      if (length <= largestRequestBytes + 5) chunks.push(chunk);
    });
    stream.once('end', () => {
      const bytes = chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks);
      const message = readUnaryMessage(bytes, length, largestRequestBytes);
      if (message.ok) this.#handle(stream, handler, { message: message.value, headers, peer });
      else refuse(stream, message.error);
    });
  }

  #handle(stream: ServerHttp2Stream, handler: UnaryHandler, call: UnaryCall): void {
    handler(call).then(
      (answer) => (answer.ok ? respond(stream, answer.value) : refuse(stream, answer.error)),
      (thrown: unknown) => {
        this.options.onHandlerFailure(toError(thrown));
        refuse(stream, { code: status.INTERNAL, message: 'internal error' });
      },
    );
  }
}

const OK_TRAILERS = { 'grpc-status': '0' };

function respond(stream: ServerHttp2Stream, message: Uint8Array): void {
  if (stream.destroyed || stream.closed) return;
  stream.respond(ANSWER, { waitForTrailers: true });
  stream.once('wantTrailers', () => stream.sendTrailers(OK_TRAILERS));
  stream.end(unaryFrame(message));
}

function refuse(stream: ServerHttp2Stream, refusal: GrpcRefusal): void {
  if (stream.destroyed || stream.closed || stream.headersSent) return;
  stream.respond({ ...ANSWER, ...refusalHeaders(refusal) }, { endStream: true });
}
