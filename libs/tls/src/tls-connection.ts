import { Memory } from '@weft/linux';
import { nativeText, openSsl, takeErrorText, verifyErrorText } from './openssl.js';
import { BATCH_BYTES, RecordBatch } from './record-batch.js';
import type { TlsContext } from './tls-context.js';
import { TlsError } from './tls-error.js';

/** Results of `handshake`, `read` and `write` that are not a count of bytes. */
export const TLS_DONE = 1;
export const TLS_CLOSED = 0;
export const TLS_WANT_READ = -1;
export const TLS_WANT_WRITE = -2;
export const TLS_FAILED = -3;

const SSL_ERROR_SSL = 1;
const SSL_ERROR_WANT_READ = 2;
const SSL_ERROR_WANT_WRITE = 3;
const SSL_ERROR_SYSCALL = 5;
const SSL_ERROR_ZERO_RETURN = 6;
const X509_V_OK = 0;
/** Plaintext of the largest TLS record. */
const RECORD_BYTES = 16_384;

/**
 * TLS over a non-blocking socket. It does not own the descriptor. Nothing throws for what a peer sends: a call returns
 * TLS_FAILED and `failure` says why; after that only `free` is allowed.
 */
export class TlsConnection {
  #ssl: number;
  #failure: TlsError | null = null;
  /** A long write that is under way, and how many of the caller's bytes it holds already. */
  #batch: RecordBatch | null = null;
  #batchBytes = 0;

  constructor(context: TlsContext, fd: number, role: 'client' | 'server') {
    this.#ssl = openSsl().SSL_new(context.handle);
    if (this.#ssl === 0 || openSsl().SSL_set_fd(this.#ssl, fd) !== 1) {
      openSsl().SSL_free(this.#ssl);
      throw new Error(`no TLS connection: ${takeErrorText()}`);
    }
    if (role === 'client') openSsl().SSL_set_connect_state(this.#ssl);
    else openSsl().SSL_set_accept_state(this.#ssl);
  }

  /** Null until a call returned TLS_FAILED. */
  get failure(): TlsError | null {
    return this.#failure;
  }

  /** TLS_DONE once the peer's chain is verified and `h2` is agreed, else TLS_WANT_READ, TLS_WANT_WRITE or TLS_FAILED. */
  handshake(): number {
    const result = openSsl().SSL_do_handshake(this.#live());
    if (result !== 1) return this.#refused(result);
    if (this.#alpn() === 'h2') return TLS_DONE;
    return this.#fail(new TlsError('TLS_PROTOCOL', 'the peer did not agree on ALPN h2'));
  }

  /** Bytes read, TLS_CLOSED at the peer's close_notify, TLS_WANT_READ, TLS_WANT_WRITE or TLS_FAILED. */
  read(into: Memory, offset: number, length: number): number {
    const result = openSsl().SSL_read(this.#live(), into.addressAt(offset, length), length);
    return result > 0 ? result : this.#refused(result);
  }

  /**
   * How many of the bytes are with the kernel: all of them, or at least BATCH_BYTES. After TLS_WANT_WRITE part of them may
   * be on the wire, and the next call must begin with the same bytes (more may follow them, and they may have moved).
   */
  write(from: Memory, offset: number, length: number): number {
    if (this.#batch !== null || length > RECORD_BYTES) return this.#writeBatch(from, offset, length);
    const result = openSsl().SSL_write(this.#live(), from.addressAt(offset, length), length);
    return result > 0 ? result : this.#refused(result);
  }

  /** Whether bytes wait inside that the socket will not report any more. */
  hasPending(): boolean {
    return openSsl().SSL_has_pending(this.#live()) === 1;
  }

  /** DER of the peer's leaf. Null before the handshake is done. */
  peerCertificate(): Buffer | null {
    return derOf(openSsl().SSL_get0_peer_certificate(this.#live()));
  }

  /** DER of the peer's chain as it was verified: the leaf first, the trust anchor last. Empty before that. */
  peerChain(): readonly Buffer[] {
    const stack = openSsl().SSL_get0_verified_chain(this.#live());
    const count = stack === 0 ? 0 : openSsl().OPENSSL_sk_num(stack);
    const chain = Array.from({ length: count }, (_, i) => derOf(openSsl().OPENSSL_sk_value(stack, i)));
    return chain.filter((certificate) => certificate !== null);
  }

  /** Name of the group that the handshake used, as OpenSSL spells it. */
  keyExchangeGroup(): string {
    return nativeText(openSsl().SSL_get0_group_name(this.#live()));
  }

  /** Sends close_notify if the socket takes it; the peer's is not waited for. */
  shutdown(): void {
    if (this.#ssl === 0 || this.#failure !== null) return;
    openSsl().SSL_shutdown(this.#ssl);
    openSsl().ERR_clear_error();
  }

  free(): void {
    if (this.#ssl === 0) return;
    this.#endBatch(false);
    openSsl().SSL_free(this.#ssl);
    this.#ssl = 0;
  }

  /** More than a record: all records leave together. */
  #writeBatch(from: Memory, offset: number, length: number): number {
    const batch = (this.#batch ??= new RecordBatch(this.#live()));
    if (this.#batchBytes === 0) {
      const bytes = Math.min(length, BATCH_BYTES);
      const result = openSsl().SSL_write(this.#ssl, from.addressAt(offset, bytes), bytes);
      if (result <= 0) return this.#refused(result);
      this.#batchBytes = result;
    }
    if (!batch.flush()) return batch.wouldBlock ? TLS_WANT_WRITE : this.#fail(this.#explain(SSL_ERROR_SYSCALL));
    const sent = this.#batchBytes;
    this.#endBatch(true);
    return sent;
  }

  #endBatch(flushed: boolean): void {
    this.#batch?.end(flushed);
    this.#batch = null;
    this.#batchBytes = 0;
  }

  #live(): number {
    if (this.#ssl === 0) throw new Error('TLS connection used after free');
    return this.#ssl;
  }

  #refused(result: number): number {
    const reason = openSsl().SSL_get_error(this.#ssl, result);
    if (reason === SSL_ERROR_WANT_READ) return TLS_WANT_READ;
    if (reason === SSL_ERROR_WANT_WRITE) return TLS_WANT_WRITE;
    if (reason === SSL_ERROR_ZERO_RETURN) return TLS_CLOSED;
    return this.#fail(this.#explain(reason));
  }

  #explain(reason: number): TlsError {
    const text = takeErrorText();
    const verified = openSsl().SSL_get_verify_result(this.#ssl);
    if (verified !== X509_V_OK) {
      return new TlsError('TLS_PEER_UNTRUSTED', `peer certificate refused: ${verifyErrorText(verified)}`);
    }
    if (text.includes('peer did not return a certificate')) return new TlsError('TLS_PEER_UNTRUSTED', text);
    if (reason === SSL_ERROR_SSL && !text.includes('unexpected eof')) return new TlsError('TLS_PROTOCOL', text);
    return new TlsError('TLS_TRANSPORT_CLOSED', text === '' ? 'connection reset by the peer' : text);
  }

  #fail(error: TlsError): number {
    this.#failure = error;
    openSsl().ERR_clear_error();
    return TLS_FAILED;
  }

  #alpn(): string {
    const cell = Memory.allocate(64);
    const chosen = Memory.allocate(64);
    openSsl().SSL_get0_alpn_selected(this.#ssl, cell.addressAt(0, 8), cell.addressAt(8, 4));
    const length = cell.bytes.readUInt32LE(8);
    if (length === 0 || length > 32) return '';
    openSsl().strncpy(chosen.addressAt(0, length), Number(cell.bytes.readBigUInt64LE(0)), length);
    return chosen.bytes.toString('latin1', 0, length);
  }
}

function derOf(certificate: number): Buffer | null {
  if (certificate === 0) return null;
  const length = openSsl().i2d_X509(certificate, 0);
  if (length <= 0) return null;
  const der = Memory.allocate(length);
  const cursor = Memory.allocate(64);
  cursor.bytes.writeBigUInt64LE(BigInt(der.addressAt(0, length)), 0);
  return openSsl().i2d_X509(certificate, cursor.addressAt(0, 8)) === length ? der.bytes : null;
}
