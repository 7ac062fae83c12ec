import { Memory } from '@weft/linux';
import { openSsl, takeErrorText } from './openssl.js';

/** Runs `use` with an OpenSSL reader over the text. */
function withReader<T>(pem: string, use: (reader: number) => T): T {
  const memory = Memory.of(Buffer.from(pem === '' ? '\n' : pem, 'latin1'));
  const reader = openSsl().BIO_new_mem_buf(memory.addressAt(0, memory.length), memory.length);
  try {
    return use(reader);
  } finally {
    openSsl().BIO_free(reader);
    // The key must not stay in memory longer than OpenSSL's own copy.
    memory.bytes.fill(0);
  }
}

let emptyPassphrase: Memory | null = null;

/** Without a passphrase OpenSSL would ask for one on the terminal. */
function noPassphrase(): number {
  emptyPassphrase ??= Memory.allocate(64);
  return emptyPassphrase.addressAt(0, 1);
}

/** Hands every certificate of the PEM to `use`, then frees it; returns how many there were. */
export function forEachCertificate(pem: string, use: (certificate: number, index: number) => void): number {
  return withReader(pem, (reader) => {
    for (let index = 0; ; index++) {
      const certificate = openSsl().PEM_read_bio_X509(reader, 0, 0, noPassphrase());
      if (certificate === 0) {
        // "no start line" is how the end of the text is told.
        takeErrorText();
        return index;
      }
      try {
        use(certificate, index);
      } finally {
        openSsl().X509_free(certificate);
      }
    }
  });
}

/** Hands the private key to `use`, then frees it. False when there is none. */
export function withPrivateKey(pem: string, use: (key: number) => void): boolean {
  return withReader(pem, (reader) => {
    const key = openSsl().PEM_read_bio_PrivateKey(reader, 0, 0, noPassphrase());
    if (key === 0) return false;
    try {
      use(key);
      return true;
    } finally {
      openSsl().EVP_PKEY_free(key);
    }
  });
}
