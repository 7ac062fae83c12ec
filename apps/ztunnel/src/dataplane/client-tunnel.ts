import type { HboneStream } from '@weft/hbone';
import type { SocketAddress } from '@weft/ip';
import type { Loop } from './loop.js';
import { matchIdentity } from './match-identity.js';
import type { FailureFlag } from './messages.js';
import type { Pod } from './pod.js';
import type { SecureContext } from './secure-socket.js';
import type { DialOutcome, Transport } from './transport.js';
import { Tunnel, type TunnelError, type TunnelOwner, type TunnelShared } from './tunnel.js';

export interface TunnelFailure {
  readonly reason: string;
  readonly flag: FailureFlag;
  /** It says nothing about the target, which another plan may name again. */
  readonly again?: true;
}

/** Whoever used this identity has another one by now, and so has its plan. */
export const WITHDRAWN: TunnelFailure = {
  reason: 'the certificate was withdrawn',
  flag: 'TLS_FAILURE',
  again: true,
};

export interface ClientTunnelParts {
  readonly loop: Loop;
  readonly transport: Transport;
  readonly pod: Pod;
  readonly dial: SocketAddress;
  readonly dialText: string;
  readonly expectedIdentities: readonly string[];
  /** Asked when the connect is done: the certificate may have been rotated since. */
  readonly context: () => SecureContext | null;
  readonly shared: TunnelShared;
  readonly connectTimeoutMs: number;
  /** Open and verified, or a stream more fits. */
  readonly onRoom: () => void;
  /** Exactly once, at the end; null when it closed in order. */
  readonly onClosed: (failure: TunnelFailure | null) => void;
}

/** One tunnel to a peer: dial, handshake, and the check that the peer is exactly who it should be. */
export class ClientTunnel implements TunnelOwner {
  #giveUpDial: (() => void) | null;
  #tunnel: Tunnel | null = null;
  #peerIdentity = '';
  #failure: TunnelFailure | null = null;
  #closed = false;
  /** Not for new streams any more. */
  retired = false;
  /** The pool's: it was told that the tunnel is open. */
  announced = false;
  /** The pool's: a stream was opened on it. */
  served = false;

  constructor(private readonly parts: ClientTunnelParts) {
    this.#giveUpDial = parts.pod.dial(parts.dial, null, (outcome) => this.#dialled(outcome));
  }

  get peerIdentity(): string {
    return this.#peerIdentity;
  }

  /** Null until it is open and after it closed. */
  get tunnel(): Tunnel | null {
    return this.#tunnel?.open === true ? this.#tunnel : null;
  }

  get dialText(): string {
    return this.parts.dialText;
  }

  get usable(): boolean {
    return !this.retired && this.tunnel !== null && !this.tunnel.http.closing;
  }

  /** A new stream, or null when it cannot take one now. */
  connect(authority: string, headers: readonly (readonly [string, string])[]): HboneStream | null {
    return this.usable ? this.tunnel!.http.connect(authority, headers) : null;
  }

  /** Takes no new stream; an open one closes now, or with its last stream. */
  retire(): void {
    this.retired = true;
    const { tunnel } = this;
    if (tunnel === null) return;
    if (tunnel.http.activeStreams === 0) tunnel.closeGracefully();
    else tunnel.http.shutdown();
  }

  abort(reason: string): void {
    this.#failure ??= { reason, flag: 'none' };
    this.#giveUpDial?.();
    this.#giveUpDial = null;
    if (this.#tunnel === null) this.#end(this.#failure);
    else this.#tunnel.abort(reason);
  }

  #dialled(outcome: DialOutcome): void {
    this.#giveUpDial = null;
    const { dialText, loop, transport, shared, connectTimeoutMs } = this.parts;
    if (outcome.kind === 'connected') {
      const context = this.parts.context();
      if (context === null) {
        loop.close(outcome.fd);
        this.#end(WITHDRAWN);
        return;
      }
      const socket = transport.secure(outcome.fd, context, 'client');
      this.#tunnel = new Tunnel(loop, socket, this, shared, 'client');
    } else if (outcome.kind === 'failed') {
      this.#end({ reason: `connect to ${dialText}: ${outcome.reason}`, flag: 'CONNECT' });
    } else {
      const hint = 'maybe a NetworkPolicy is blocking HBONE port 15008';
      const reason = `connect to ${dialText}: timed out after ${connectTimeoutMs} ms, ${hint}`;
      this.#end({ reason, flag: 'NETWORK_POLICY' });
    }
  }

  // ---- TunnelOwner

  verifyPeer(certificate: Buffer | null): string | null {
    const match = matchIdentity(certificate, this.parts.expectedIdentities, this.parts.shared.trust);
    if ('refusal' in match) {
      this.#failure = { reason: match.refusal, flag: 'IDENTITY_ERROR' };
      return match.refusal;
    }
    this.#peerIdentity = match.identity;
    return null;
  }

  onOpen(): void {
    this.parts.onRoom();
  }

  onRequest(): void {
    // A client gets none: the connection refuses requests from a server.
  }

  onRoom(): void {
    this.parts.onRoom();
  }

  onClosed(error: TunnelError | null): void {
    this.#end(error === null ? null : (this.#failure ?? this.#explain(error)));
  }

  #explain({ stage, reason, flag }: TunnelError): TunnelFailure {
    const to = this.parts.dialText;
    if (flag !== undefined) return { reason: `TLS with ${to}: ${reason}`, flag };
    if (stage === 'tls') return { reason: `TLS with ${to}: ${reason}`, flag: 'TLS_FAILURE' };
    if (stage === 'http2') return { reason: `HTTP/2 with ${to}: ${reason}`, flag: 'H2_HANDSHAKE_FAILURE' };
    return { reason: `tunnel to ${to}: ${reason}`, flag: 'CONNECT' };
  }

  #end(failure: TunnelFailure | null): void {
    if (this.#closed) return;
    this.#closed = true;
    this.parts.onClosed(failure);
  }
}
