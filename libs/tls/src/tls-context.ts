import { Memory, NativeLibrary } from '@weft/linux';
import { err, ok, type Result } from '@weft/result';
import { TLS_PROFILES, type TlsProfile, type TlsProfileName } from '@weft/tls-profile';
import { openSsl, takeErrorText } from './openssl.js';
import { forEachCertificate, withPrivateKey } from './pem-objects.js';
import { TlsError } from './tls-error.js';
import { TLS_ALPN } from './tls-parameters.js';

export interface TlsIdentity {
  /** Leaf first, then intermediates. */
  readonly certificateChainPem: string;
  readonly privateKeyPem: string;
  /** Trust anchors that peers are verified against. */
  readonly rootsPem: string;
}

const TLS1_3 = 0x0304;
const CTRL_MODE = 33;
const CTRL_READ_AHEAD = 41;
const CTRL_SESSION_CACHE_MODE = 44;
const CTRL_CHAIN_CERT = 89;
const CTRL_GROUPS_LIST = 92;
const CTRL_MIN_VERSION = 123;
const CTRL_MAX_VERSION = 124;
const MODE_MOVING_WRITE_BUFFER = 0x2;
const MODE_RELEASE_BUFFERS = 0x10;
const VERIFY_PEER_MANDATORY = 0x3;
const OP_NO_TICKET = 1 << 14;
const OP_NO_COMPRESSION = 1 << 17;
const OP_NO_RENEGOTIATION = 2 ** 30;
/** RFC 8879: compressing a certificate of half a kilobyte costs more than the rest of the handshake and saves nothing. */
const OP_NO_CERTIFICATE_COMPRESSION = 2 ** 32 + 2 ** 33;

const ALPN_H2 = Buffer.from(`\x02${TLS_ALPN}`, 'latin1');
/** Four long records, and what came with them. Freed after each read: more than 128 KiB malloc would map and unmap each time. */
const READ_AHEAD_BYTES = 98_304;

const ALPN_NEGOTIATED = 1;
const ALPN_OK = 0;
const ALPN_FATAL = 2;

/**
 * What one identity needs for TLS, in both roles: TLS 1.3 only, client certificates mandatory, ALPN `h2`, no resumption.
 * `free` gives it back; connections made from it keep what they need until they are freed themselves.
 */
export class TlsContext {
  #handle: number;

  private constructor(handle: number) {
    this.#handle = handle;
  }

  /** Fails with TLS_BAD_IDENTITY, and says which of the three parts is wrong. */
  static create(identity: TlsIdentity, profile: TlsProfile = TLS_PROFILES.default): Result<TlsContext, TlsError> {
    const handle = openSsl().SSL_CTX_new(openSsl().TLS_method());
    if (handle === 0) return err(new TlsError('TLS_BAD_IDENTITY', `no TLS context: ${takeErrorText()}`));
    const problem = configure(handle, profile) ?? load(handle, identity);
    const details = takeErrorText();
    if (problem === null) return ok(new TlsContext(handle));
    openSsl().SSL_CTX_free(handle);
    return err(new TlsError('TLS_BAD_IDENTITY', details === '' ? problem : `${problem}: ${details}`));
  }

  /** For `TlsConnection`. */
  get handle(): number {
    if (this.#handle === 0) throw new Error('TLS context used after free');
    return this.#handle;
  }

  free(): void {
    if (this.#handle === 0) return;
    openSsl().SSL_CTX_free(this.#handle);
    this.#handle = 0;
  }
}

function configure(context: number, profile: TlsProfile): string | null {
  const ssl = openSsl();
  const { suites, groups } = textsOf(profile);
  const ctrl = (command: number, value: number): number => ssl.SSL_CTX_ctrl(context, command, value, 0);
  if (ctrl(CTRL_MIN_VERSION, TLS1_3) !== 1 || ctrl(CTRL_MAX_VERSION, TLS1_3) !== 1) return 'TLS 1.3 is not there';
  ctrl(CTRL_MODE, MODE_MOVING_WRITE_BUFFER | MODE_RELEASE_BUFFERS);
  ctrl(CTRL_READ_AHEAD, 1);
  ctrl(CTRL_SESSION_CACHE_MODE, 0);
  ssl.SSL_CTX_set_default_read_buffer_len(context, READ_AHEAD_BYTES);
  ssl.SSL_CTX_set_options(
    context,
    OP_NO_TICKET + OP_NO_COMPRESSION + OP_NO_RENEGOTIATION + OP_NO_CERTIFICATE_COMPRESSION,
  );
  ssl.SSL_CTX_set_num_tickets(context, 0);
  ssl.SSL_CTX_set_verify(context, VERIFY_PEER_MANDATORY, 0);
  if (ssl.SSL_CTX_set_ciphersuites(context, suites) !== 1) return 'cipher suites refused';
  if (ssl.SSL_CTX_ctrl(context, CTRL_GROUPS_LIST, 0, groups) !== 1) return 'key exchange groups refused';
  // Alone among its kind it returns 0 for success.
  if (ssl.SSL_CTX_set_alpn_protos(context, constants().h2, ALPN_H2.length) !== 0) return 'ALPN refused';
  ssl.SSL_CTX_set_alpn_select_cb(context, constants().selectH2, 0);
  return null;
}

function load(context: number, identity: TlsIdentity): string | null {
  const ssl = openSsl();
  const problems: string[] = [];
  const certificates = forEachCertificate(identity.certificateChainPem, (certificate, index) => {
    const taken =
      index === 0
        ? ssl.SSL_CTX_use_certificate(context, certificate)
        : ssl.SSL_CTX_ctrl(context, CTRL_CHAIN_CERT, 1, certificate);
    if (taken !== 1) problems.push(`certificate ${index + 1} of the chain refused`);
  });
  if (certificates === 0) return 'the certificate chain holds no PEM certificate';
  if (problems.length > 0) return problems.join(', ');
  const hasKey = withPrivateKey(identity.privateKeyPem, (key) => {
    if (ssl.SSL_CTX_use_PrivateKey(context, key) !== 1) problems.push('the private key does not fit the certificate');
  });
  if (!hasKey) return 'the private key is not a PEM key';
  if (problems.length > 0) return problems.join(', ');
  if (ssl.SSL_CTX_check_private_key(context) !== 1) return 'the private key does not fit the certificate';
  const store = ssl.SSL_CTX_get_cert_store(context);
  const roots = forEachCertificate(identity.rootsPem, (certificate) => {
    if (ssl.X509_STORE_add_cert(store, certificate) !== 1) problems.push('a trust anchor was refused');
  });
  return roots === 0 ? 'the trust bundle holds no PEM certificate' : problems.length > 0 ? problems.join(', ') : null;
}

const profileTexts = new Map<TlsProfileName, Memory>();

/** Addresses of what a profile says in OpenSSL's words. */
function textsOf({ name, tls13Suites, groups }: TlsProfile): { readonly suites: number; readonly groups: number } {
  const memory = profileTexts.get(name) ?? Memory.allocate(4096);
  profileTexts.set(name, memory);
  return {
    suites: memory.addressAt(0, memory.bytes.write(`${tls13Suites.join(':')}\0`, 0, 'latin1')),
    groups: memory.addressAt(1024, memory.bytes.write(`${groups}\0`, 1024, 'latin1')),
  };
}

/** Texts and the callback that OpenSSL keeps pointers to; they live as long as the thread. */
interface Constants {
  readonly h2: number;
  readonly selectH2: number;
}

let made: (Constants & { readonly keep: readonly Memory[] }) | null = null;

function constants(): Constants {
  return (made ??= makeConstants());
}

function makeConstants(): Constants & { readonly keep: readonly Memory[] } {
  // One large block: small buffers come from a shared pool.
  const memory = Memory.allocate(4096);
  ALPN_H2.copy(memory.bytes);
  const h2 = memory.addressAt(0, ALPN_H2.length);
  const selectH2 = NativeLibrary.callback(
    'int WeftSelectAlpn(int64_t ssl, int64_t out, int64_t outLength, int64_t in, uint32_t inLength, int64_t arg)',
    (_ssl, out, outLength, offered, offeredLength) => {
      const chosen = openSsl().SSL_select_next_proto(out, outLength, h2, ALPN_H2.length, offered, offeredLength);
      return chosen === ALPN_NEGOTIATED ? ALPN_OK : ALPN_FATAL;
    },
  );
  return { h2, selectH2, keep: [memory] };
}
