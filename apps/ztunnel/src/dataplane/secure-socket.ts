import type { Memory } from '@weft/linux';

/** Who uses a `SecureSocket`. */
export interface SecureSocketOwner {
  /** Something can be read, or has failed; `room`: and what was asked for by `expectRoom` is there. */
  onReady(room: boolean): void;
  onCrash(error: Error): void;
}

/**
 * TLS over one connection, as tunnels use it in either engine. Results are those of `TlsConnection` of `@weft/tls`:
 * a count of bytes, or TLS_DONE, TLS_CLOSED, TLS_WANT_READ, TLS_WANT_WRITE, TLS_FAILED.
 */
export interface SecureSocket {
  /** Why a call returned TLS_FAILED; null before. */
  readonly failure: string | null;
  /** From now on `owner` is told; never from inside of this call. */
  start(owner: SecureSocketOwner): void;
  handshake(): number;
  read(into: Memory, offset: number, length: number): number;
  /** How many of the bytes were taken; after TLS_WANT_WRITE the next call begins with the same. See `TlsConnection.write`. */
  write(from: Memory, offset: number, length: number): number;
  /** Whether bytes wait inside that no event will tell of. */
  hasPending(): boolean;
  /** DER of the peer's leaf. Null before the handshake is done. */
  peerCertificate(): Buffer | null;
  /** DER of the peer's verified chain, the leaf first, the root last. Empty before the handshake is done. */
  peerChain(): readonly Buffer[];
  /** Whether to be told when there is room to write, too. It is so from the start until the first call. */
  expectRoom(wanted: boolean): void;
  /** No event comes any more. `goodbye`: the peer is told by close_notify. */
  close(goodbye: boolean): void;
}

/** What one identity needs for TLS; made by the engine that uses it. */
export interface SecureContext {
  free(): void;
}
