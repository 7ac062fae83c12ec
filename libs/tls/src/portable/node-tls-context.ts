import { constants, X509Certificate } from 'node:crypto';
import type net from 'node:net';
import tls from 'node:tls';
import { err, ok, toError, type Result } from '@weft/result';
import { TLS_PROFILES, type TlsProfile } from '@weft/tls-profile';
import type { TlsIdentity } from '../tls-context.js';
import { TlsError } from '../tls-error.js';
import { TLS_ALPN } from '../tls-parameters.js';
import { explainNodeTls } from './explain-node-tls.js';

const CERTIFICATE = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;
const KEPT_ACCEPTORS = 16;
/** The caller has its own deadline, which comes first. */
const LONGEST_HANDSHAKE_MS = 120_000;

export interface HandshakeHandler {
  /** The chain of the peer is verified. */
  onSecure(socket: tls.TLSSocket): void;
  onFailed(error: TlsError): void;
}

/**
 * The twin of `TlsContext` on `node:tls`: the same versions, suites, groups and demands. `free` makes it useless; connections
 * made from it go on.
 */
export class NodeTlsContext {
  /**
   * Servers that never listen: only a `tls.Server` says whether the chain of a client was verified. Each one is lent to one
   * handshake at a time, because its events do not name the connection that was given to it.
   */
  readonly #acceptors: Acceptor[] = [];
  #freed = false;

  private constructor(
    private readonly identity: TlsIdentity,
    private readonly profile: TlsProfile,
    private readonly secureContext: tls.SecureContext,
  ) {}

  /** Fails with TLS_BAD_IDENTITY, and says which of the three parts is wrong. */
  static create(identity: TlsIdentity, profile: TlsProfile = TLS_PROFILES.default): Result<NodeTlsContext, TlsError> {
    const problem = problemOf(identity);
    if (problem !== null) return err(new TlsError('TLS_BAD_IDENTITY', problem));
    try {
      return ok(new NodeTlsContext(identity, profile, tls.createSecureContext(optionsOf(identity, profile))));
    } catch (thrown) {
      const text = toError(thrown).message;
      return err(new TlsError('TLS_BAD_IDENTITY', `the private key does not fit the certificate: ${text}`));
    }
  }

  free(): void {
    this.#freed = true;
    this.#acceptors.length = 0;
  }

  /** Begins a handshake on a connected socket, which becomes the TLS socket's. Exactly one event follows, later. */
  handshake(role: 'client' | 'server', raw: net.Socket, handler: HandshakeHandler): void {
    if (this.#freed) throw new Error('TLS context used after free');
    if (role === 'client') this.#connect(raw, handler);
    else this.#accept(raw, handler);
  }

  #connect(raw: net.Socket, handler: HandshakeHandler): void {
    const socket = tls.connect({
      socket: raw,
      secureContext: this.secureContext,
      ALPNProtocols: [TLS_ALPN],
      rejectUnauthorized: true,
      // Who the peer is, its SPIFFE ID, is the caller's question.
      checkServerIdentity: () => undefined,
    });
    const failed = (error: Error): void => {
      socket.off('secureConnect', secured);
      socket.off('close', closed);
      // What else it has to say, nobody asks any more.
      socket.on('error', () => undefined);
      socket.destroy();
      handler.onFailed(explainNodeTls(error));
    };
    const closed = (): void => failed(new Error('connection closed by the peer'));
    const secured = (): void => {
      socket.off('error', failed);
      socket.off('close', closed);
      handler.onSecure(socket);
    };
    socket.once('error', failed);
    socket.once('close', closed);
    socket.once('secureConnect', secured);
  }

  #accept(raw: net.Socket, handler: HandshakeHandler): void {
    const acceptor = this.#acceptors.pop() ?? new Acceptor(this.identity, this.profile);
    const over = (): void => {
      if (!this.#freed && this.#acceptors.length < KEPT_ACCEPTORS) this.#acceptors.push(acceptor);
    };
    acceptor.accept(raw, {
      onSecure: (socket) => {
        over();
        handler.onSecure(socket);
      },
      onFailed: (error) => {
        over();
        handler.onFailed(error);
      },
    });
  }
}

class Acceptor {
  readonly #server: tls.Server;
  #handler: HandshakeHandler | null = null;

  constructor(identity: TlsIdentity, profile: TlsProfile) {
    this.#server = tls.createServer({
      ...optionsOf(identity, profile),
      requestCert: true,
      rejectUnauthorized: true,
      ALPNProtocols: [TLS_ALPN],
      handshakeTimeout: LONGEST_HANDSHAKE_MS,
      pauseOnConnect: true,
    });
    this.#server.on('secureConnection', (socket) => {
      // Node closes a refused one itself; this is the second lock on that door.
      if (socket.authorized) this.#take()?.onSecure(socket);
      else socket.destroy();
    });
    this.#server.on('tlsClientError', (error, socket) => {
      const refusal = socket.authorizationError as unknown;
      this.#take()?.onFailed(explainNodeTls(error, typeof refusal === 'string' ? refusal : null));
    });
  }

  accept(raw: net.Socket, handler: HandshakeHandler): void {
    this.#handler = handler;
    this.#server.emit('connection', raw);
  }

  #take(): HandshakeHandler | null {
    const handler = this.#handler;
    this.#handler = null;
    return handler;
  }
}

function optionsOf(
  { certificateChainPem, privateKeyPem, rootsPem }: TlsIdentity,
  { tls13Suites, groups }: TlsProfile,
): tls.SecureContextOptions {
  return {
    cert: certificateChainPem,
    key: privateKeyPem,
    ca: rootsPem,
    minVersion: 'TLSv1.3',
    maxVersion: 'TLSv1.3',
    ciphers: tls13Suites.join(':'),
    ecdhCurve: groups,
    // No resumption: each connection shows its certificate.
    secureOptions: constants.SSL_OP_NO_TICKET | constants.SSL_OP_NO_RENEGOTIATION | constants.SSL_OP_NO_COMPRESSION,
  };
}

function problemOf({ certificateChainPem, privateKeyPem, rootsPem }: TlsIdentity): string | null {
  return (
    certificatesProblem(certificateChainPem, 'the certificate chain') ??
    (privateKeyPem.includes('PRIVATE KEY-----') ? null : 'the private key is not a PEM key') ??
    certificatesProblem(rootsPem, 'the trust bundle')
  );
}

function certificatesProblem(pem: string, what: string): string | null {
  const blocks = pem.match(CERTIFICATE) ?? [];
  if (blocks.length === 0) return `${what} holds no PEM certificate`;
  try {
    for (const block of blocks) new X509Certificate(block);
    return null;
  } catch (thrown) {
    return `${what} holds what is no certificate: ${toError(thrown).message}`;
  }
}
