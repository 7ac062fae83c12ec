import { openSsl } from './openssl.js';

/** Plaintext of one batch: 16 records. */
export const BATCH_BYTES = 262_144;
/** With 22 bytes for each record, and room for a KeyUpdate before them. */
const ROOM_BYTES = BATCH_BYTES + 4096;
const CTRL_FLUSH = 11;
const CTRL_SET_BUFFER_SIZE = 117;
const FOR_WRITING = 1;
const FLAG_SHOULD_RETRY = 8;

/** Left by batches that are through. One is enough unless a socket is full. */
let spare: number | null = null;

/**
 * Between a connection and its socket for the time of one long write: its records leave by one system call. OpenSSL alone
 * makes one for each of them, and so wakes the receiver up for each.
 */
export class RecordBatch {
  readonly #buffer: number;
  readonly #socket: number;

  constructor(private readonly ssl: number) {
    const { BIO_push, BIO_up_ref, SSL_get_rbio, SSL_set0_wbio } = openSsl();
    this.#buffer = spare ?? create();
    spare = null;
    this.#socket = SSL_get_rbio(ssl);
    // Each `set0` takes one reference over, and gives up the one to what was there before.
    BIO_up_ref(this.#socket);
    BIO_push(this.#buffer, this.#socket);
    BIO_up_ref(this.#buffer);
    SSL_set0_wbio(ssl, this.#buffer);
  }

  /** Whether all of it is sent; `wouldBlock` says whether it is worth another try if not. */
  flush(): boolean {
    return openSsl().BIO_ctrl(this.#buffer, CTRL_FLUSH, 0, 0) === 1;
  }

  get wouldBlock(): boolean {
    return openSsl().BIO_test_flags(this.#buffer, FLAG_SHOULD_RETRY) !== 0;
  }

  /** The connection writes to its socket again. `flushed`: nothing is left that would go to another connection. */
  end(flushed: boolean): void {
    const { BIO_free, BIO_pop, SSL_set0_wbio } = openSsl();
    SSL_set0_wbio(this.ssl, this.#socket);
    BIO_pop(this.#buffer);
    if (flushed && spare === null) spare = this.#buffer;
    else BIO_free(this.#buffer);
  }
}

function create(): number {
  const { BIO_f_buffer, BIO_int_ctrl, BIO_new } = openSsl();
  const buffer = BIO_new(BIO_f_buffer());
  if (buffer === 0 || BIO_int_ctrl(buffer, CTRL_SET_BUFFER_SIZE, ROOM_BYTES, FOR_WRITING) !== 1) {
    throw new Error('no memory for TLS records');
  }
  return buffer;
}
