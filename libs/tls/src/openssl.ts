import { Memory, NativeLibrary, type NativeFunction } from '@weft/linux';

const DECLARATIONS = {
  BIO_ctrl: 'int64_t BIO_ctrl(int64_t, int, int64_t, int64_t)',
  BIO_f_buffer: 'int64_t BIO_f_buffer()',
  BIO_free: 'int BIO_free(int64_t)',
  BIO_int_ctrl: 'int64_t BIO_int_ctrl(int64_t, int, int64_t, int)',
  BIO_new: 'int64_t BIO_new(int64_t)',
  BIO_new_mem_buf: 'int64_t BIO_new_mem_buf(int64_t, int)',
  BIO_pop: 'int64_t BIO_pop(int64_t)',
  BIO_push: 'int64_t BIO_push(int64_t, int64_t)',
  BIO_test_flags: 'int BIO_test_flags(int64_t, int)',
  BIO_up_ref: 'int BIO_up_ref(int64_t)',
  ECDSA_verify: 'int ECDSA_verify(int, int64_t, int, int64_t, int, int64_t)',
  EC_KEY_new_by_curve_name: 'int64_t EC_KEY_new_by_curve_name(int)',
  EC_KEY_oct2key: 'int EC_KEY_oct2key(int64_t, int64_t, int64_t, int64_t)',
  ERR_clear_error: 'void ERR_clear_error()',
  ERR_error_string_n: 'void ERR_error_string_n(uint64_t, int64_t, int64_t)',
  ERR_get_error: 'uint64_t ERR_get_error()',
  EVP_PKEY_free: 'void EVP_PKEY_free(int64_t)',
  OPENSSL_sk_num: 'int OPENSSL_sk_num(int64_t)',
  OPENSSL_sk_value: 'int64_t OPENSSL_sk_value(int64_t, int)',
  PEM_read_bio_PrivateKey: 'int64_t PEM_read_bio_PrivateKey(int64_t, int64_t, int64_t, int64_t)',
  PEM_read_bio_X509: 'int64_t PEM_read_bio_X509(int64_t, int64_t, int64_t, int64_t)',
  SHA256: 'int64_t SHA256(int64_t, int64_t, int64_t)',
  SHA384: 'int64_t SHA384(int64_t, int64_t, int64_t)',
  SHA512: 'int64_t SHA512(int64_t, int64_t, int64_t)',
  SSL_CTX_check_private_key: 'int SSL_CTX_check_private_key(int64_t)',
  SSL_CTX_ctrl: 'int64_t SSL_CTX_ctrl(int64_t, int, int64_t, int64_t)',
  SSL_CTX_free: 'void SSL_CTX_free(int64_t)',
  SSL_CTX_get_cert_store: 'int64_t SSL_CTX_get_cert_store(int64_t)',
  SSL_CTX_new: 'int64_t SSL_CTX_new(int64_t)',
  SSL_CTX_set_alpn_protos: 'int SSL_CTX_set_alpn_protos(int64_t, int64_t, uint32_t)',
  SSL_CTX_set_alpn_select_cb: 'void SSL_CTX_set_alpn_select_cb(int64_t, int64_t, int64_t)',
  SSL_CTX_set_ciphersuites: 'int SSL_CTX_set_ciphersuites(int64_t, int64_t)',
  SSL_CTX_set_default_read_buffer_len: 'void SSL_CTX_set_default_read_buffer_len(int64_t, int64_t)',
  SSL_CTX_set_num_tickets: 'int SSL_CTX_set_num_tickets(int64_t, int64_t)',
  SSL_CTX_set_options: 'uint64_t SSL_CTX_set_options(int64_t, uint64_t)',
  SSL_CTX_set_verify: 'void SSL_CTX_set_verify(int64_t, int, int64_t)',
  SSL_CTX_use_PrivateKey: 'int SSL_CTX_use_PrivateKey(int64_t, int64_t)',
  SSL_CTX_use_certificate: 'int SSL_CTX_use_certificate(int64_t, int64_t)',
  SSL_do_handshake: 'int SSL_do_handshake(int64_t)',
  SSL_free: 'void SSL_free(int64_t)',
  SSL_get0_alpn_selected: 'void SSL_get0_alpn_selected(int64_t, int64_t, int64_t)',
  SSL_get0_group_name: 'int64_t SSL_get0_group_name(int64_t)',
  SSL_get0_peer_certificate: 'int64_t SSL_get0_peer_certificate(int64_t)',
  SSL_get0_verified_chain: 'int64_t SSL_get0_verified_chain(int64_t)',
  SSL_get_rbio: 'int64_t SSL_get_rbio(int64_t)',
  SSL_get_error: 'int SSL_get_error(int64_t, int)',
  SSL_get_verify_result: 'int64_t SSL_get_verify_result(int64_t)',
  SSL_has_pending: 'int SSL_has_pending(int64_t)',
  SSL_new: 'int64_t SSL_new(int64_t)',
  SSL_read: 'int SSL_read(int64_t, int64_t, int)',
  SSL_select_next_proto: 'int SSL_select_next_proto(int64_t, int64_t, int64_t, uint32_t, int64_t, uint32_t)',
  SSL_set0_wbio: 'void SSL_set0_wbio(int64_t, int64_t)',
  SSL_set_accept_state: 'void SSL_set_accept_state(int64_t)',
  SSL_set_connect_state: 'void SSL_set_connect_state(int64_t)',
  SSL_set_fd: 'int SSL_set_fd(int64_t, int)',
  SSL_shutdown: 'int SSL_shutdown(int64_t)',
  SSL_write: 'int SSL_write(int64_t, int64_t, int)',
  TLS_method: 'int64_t TLS_method()',
  X509_STORE_add_cert: 'int X509_STORE_add_cert(int64_t, int64_t)',
  X509_free: 'void X509_free(int64_t)',
  i2d_X509: 'int i2d_X509(int64_t, int64_t)',
  strncpy: 'int64_t strncpy(int64_t, int64_t, int64_t)',
  X509_verify_cert_error_string: 'int64_t X509_verify_cert_error_string(int64_t)',
} as const;

export type OpenSsl = Readonly<Record<keyof typeof DECLARATIONS, NativeFunction>>;

let bound: OpenSsl | null = null;

/** What keeps this `node` binary's OpenSSL from being called; null if nothing does. */
export function openSslProblem(): string | null {
  try {
    openSsl();
    return null;
  } catch (thrown) {
    return thrown instanceof Error ? thrown.message : String(thrown);
  }
}

/** The OpenSSL that is linked into (and exported by) the `node` binary, bound on first use and once per thread. */
export function openSsl(): OpenSsl {
  return (bound ??= bindAll());
}

function bindAll(): OpenSsl {
  const library = new NativeLibrary();
  return Object.fromEntries(
    Object.entries(DECLARATIONS).map(([name, declaration]) => [name, library.bind(declaration)]),
  ) as OpenSsl;
}

const TEXT_BYTES = 256;
let textRoom: Memory | null = null;

function textAt(fill: (address: number) => void): string {
  textRoom ??= Memory.allocate(TEXT_BYTES);
  textRoom.bytes.fill(0);
  fill(textRoom.addressAt(0, TEXT_BYTES - 1));
  return textRoom.bytes.toString('latin1', 0, textRoom.bytes.indexOf(0));
}

/** Takes the errors of this thread off OpenSSL's queue; '' if there are none. The part after the library's name only. */
export function takeErrorText(): string {
  const ssl = openSsl();
  const texts: string[] = [];
  for (let code = ssl.ERR_get_error(); code !== 0; code = ssl.ERR_get_error()) {
    const text = textAt((address) => void ssl.ERR_error_string_n(code, address, TEXT_BYTES - 1));
    // error:0A000086:SSL routines::certificate verify failed
    texts.push(text.split(':').slice(4).join(':') || text);
  }
  return texts.join('; ');
}

/** The reason behind an X509_V_ERR code. */
export function verifyErrorText(code: number): string {
  return nativeText(openSsl().X509_verify_cert_error_string(code));
}

/** The C string at an address that OpenSSL returned; '' for null. */
export function nativeText(address: number): string {
  return address === 0 ? '' : textAt((room) => void openSsl().strncpy(room, address, TEXT_BYTES - 1));
}
