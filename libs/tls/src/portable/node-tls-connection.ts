import type net from 'node:net';
import type tls from 'node:tls';
import type { Memory } from '@weft/linux';
import { TLS_CLOSED, TLS_DONE, TLS_FAILED, TLS_WANT_READ, TLS_WANT_WRITE } from '../tls-connection.js';
import { TlsError } from '../tls-error.js';
import { TLS_ALPN } from '../tls-parameters.js';
import { explainNodeTls } from './explain-node-tls.js';
import type { NodeTlsContext } from './node-tls-context.js';

/** Written and not yet encrypted and sent; beyond this, `write` takes nothing. */
const UNSENT_BYTES = 262_144;
/** How long a goodbye may take to leave. */
const LINGER_MS = 1000;

/**
 * The twin of `TlsConnection` on `node:tls`: the same calls and results. It owns the socket, and tells `onReady` when a call
 * may have another result than before; `room`: what was refused by `write` fits now.
 */
export class NodeTlsConnection {
  #socket: tls.TLSSocket | null = null;
  #chain: readonly Buffer[] = [];
  #failure: TlsError | null = null;
  #ended = false;
  #closed = false;
  #refusedWrite = false;

  constructor(
    context: NodeTlsContext,
    private readonly raw: net.Socket,
    role: 'client' | 'server',
    private readonly onReady: (room: boolean) => void,
  ) {
    // What it has to say comes through the TLS socket, too.
    raw.on('error', () => undefined);
    context.handshake(role, raw, {
      onSecure: (socket) => this.#secured(socket),
      onFailed: (error) => this.#failed(error),
    });
  }

  /** Null until a call returned TLS_FAILED. */
  get failure(): TlsError | null {
    return this.#failure;
  }

  handshake(): number {
    if (this.#failure !== null) return TLS_FAILED;
    if (this.#socket === null) return TLS_WANT_READ;
    if (this.#socket.alpnProtocol === TLS_ALPN) return TLS_DONE;
    this.#failure = new TlsError('TLS_PROTOCOL', 'the peer did not agree on ALPN h2');
    return TLS_FAILED;
  }

  read(into: Memory, offset: number, length: number): number {
    const socket = this.#socket;
    if (socket === null) return this.#failure === null ? TLS_WANT_READ : TLS_FAILED;
    // With nothing to take, this makes Node look for more, and notice the end.
    if (socket.readableLength === 0) socket.read(0);
    const waiting = Math.min(socket.readableLength, length);
    const chunk = waiting === 0 ? null : (socket.read(waiting) as Buffer | null);
    if (chunk === null) {
      if (this.#failure !== null) return TLS_FAILED;
      return this.#ended ? TLS_CLOSED : TLS_WANT_READ;
    }
    chunk.copy(into.bytes, offset);
    return chunk.length;
  }

  /** All of the bytes, which are copied, or none. */
  write(from: Memory, offset: number, length: number): number {
    const socket = this.#socket;
    if (this.#failure !== null) return TLS_FAILED;
    if (socket === null || socket.writableLength >= UNSENT_BYTES) {
      this.#refusedWrite = true;
      return TLS_WANT_WRITE;
    }
    socket.write(Buffer.from(from.bytes.subarray(offset, offset + length)), () => this.#sent());
    return length;
  }

  hasPending(): boolean {
    return (this.#socket?.readableLength ?? 0) > 0;
  }

  /** DER of the peer's leaf. Null before the handshake is done. */
  peerCertificate(): Buffer | null {
    return this.#chain[0] ?? null;
  }

  /** As `TlsConnection.peerChain`. */
  peerChain(): readonly Buffer[] {
    return this.#chain;
  }

  /** `goodbye`: what was written and a close_notify still leave, if the peer takes them soon. */
  close(goodbye: boolean): void {
    if (this.#closed) return;
    this.#closed = true;
    const socket = this.#socket ?? this.raw;
    if (!goodbye || this.#failure !== null) {
      socket.destroy();
      return;
    }
    const timer = setTimeout(() => socket.destroy(), LINGER_MS);
    socket.once('close', () => clearTimeout(timer));
    // The peer may go on sending; what is not read would turn our end into a reset.
    socket.removeAllListeners('readable').resume();
    socket.destroySoon();
  }

  #secured(socket: tls.TLSSocket): void {
    socket.on('error', (error: Error) => this.#failed(explainNodeTls(error)));
    if (this.#closed) {
      socket.destroy();
      return;
    }
    this.#socket = socket;
    this.#chain = chainOf(socket);
    socket.on('readable', () => this.#tell(false));
    socket.once('end', () => this.#over());
    socket.once('close', () => this.#over());
    this.#tell(true);
  }

  #over(): void {
    this.#ended = true;
    this.#tell(false);
  }

  #failed(error: TlsError): void {
    this.#failure ??= error;
    this.#tell(false);
  }

  #sent(): void {
    if (!this.#refusedWrite) return;
    this.#refusedWrite = false;
    this.#tell(true);
  }

  #tell(room: boolean): void {
    if (!this.#closed) this.onReady(room);
  }
}

/** Asked once: for a client `getPeerX509Certificate` takes the leaf out of the chain, and everything is gone after that. */
function chainOf(socket: tls.TLSSocket): readonly Buffer[] {
  const chain: Buffer[] = [];
  // Without a certificate Node gives an object without anything in it; a root is its own issuer.
  let next: Partial<tls.DetailedPeerCertificate> | undefined = socket.getPeerCertificate(true);
  while (next?.raw !== undefined && !chain.some((seen) => seen.equals(next!.raw!))) {
    chain.push(next.raw);
    next = next.issuerCertificate;
  }
  return chain;
}
