import type { SocketAddress } from '@weft/ip';
import type { Result } from '@weft/result';
import type { TlsProfile } from '@weft/tls-profile';
import type { Identity } from './messages.js';
import type { PlainSocket, PlainSocketOwner } from './plain-socket.js';
import type { SecureContext, SecureSocket } from './secure-socket.js';

/** An accepted connection: an open socket and who is on it. The receiver owns the descriptor. */
export interface Accepted {
  readonly fd: number;
  readonly peer: SocketAddress;
  readonly acceptedMs: number;
}

export type DialOutcome =
  | { readonly kind: 'connected'; readonly fd: number }
  | { readonly kind: 'failed'; readonly reason: string }
  | { readonly kind: 'timedOut' };

export interface ListenHandler {
  onAccepted(accepted: Accepted): void;
  /** Out of descriptors: connections wait. */
  onExhausted(): void;
}

export interface ConnectRequest {
  /** A prepared socket, which becomes the transport's; negative `errno` when there was none to be had. */
  readonly fd: number;
  readonly to: SocketAddress;
  readonly timeoutMs: number;
  /** Comes later, never from inside of the call. After `connected` the descriptor is the receiver's, else it is closed. */
  readonly onOutcome: (outcome: DialOutcome) => void;
}

/**
 * What moves bytes for a worker: the one thing in which the engines differ, besides their loop. Sockets are known by
 * descriptor; whoever holds one hands it on (`plain`, `secure`) or gives it back to `Loop.close`.
 */
export interface Transport {
  /** Accepts on a listening socket, which becomes the transport's. Returns what closes it. */
  listen(fd: number, handler: ListenHandler): () => void;
  /** Returns what gives up: then no outcome comes. */
  connect(request: ConnectRequest): () => void;
  plain(fd: number, owner: PlainSocketOwner): PlainSocket;
  secure(fd: number, context: SecureContext, role: 'client' | 'server'): SecureSocket;
  /** Says which part of the identity is wrong. */
  secureContext(identity: Identity, profile: TlsProfile): Result<SecureContext, Error>;
}
