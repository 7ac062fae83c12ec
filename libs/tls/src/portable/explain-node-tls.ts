import { TlsError } from '../tls-error.js';

/** What OpenSSL's verification says, by the name that Node gives it. Others are shown by their name. */
const VERIFY_TEXTS: Readonly<Record<string, string>> = {
  CERT_HAS_EXPIRED: 'certificate has expired',
  CERT_NOT_YET_VALID: 'certificate is not yet valid',
  CERT_REJECTED: 'certificate rejected',
  CERT_REVOKED: 'certificate revoked',
  CERT_SIGNATURE_FAILURE: 'certificate signature failure',
  CERT_UNTRUSTED: 'certificate not trusted',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'self-signed certificate',
  INVALID_CA: 'invalid CA certificate',
  INVALID_PURPOSE: 'unsuitable certificate purpose',
  SELF_SIGNED_CERT_IN_CHAIN: 'self-signed certificate in certificate chain',
  UNABLE_TO_GET_ISSUER_CERT: 'unable to get issuer certificate',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: 'unable to get local issuer certificate',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'unable to verify the first certificate',
};

const TRANSPORT = new Set(['ECONNRESET', 'EPIPE', 'ECONNABORTED', 'ETIMEDOUT', 'ENOTCONN']);

/** The failure of a `node:tls` socket in this library's terms. `refusal`: the name of what verification objected to. */
export function explainNodeTls(error: Error, refusal: string | null = null): TlsError {
  const code = 'code' in error && typeof error.code === 'string' ? error.code : '';
  const reason = refusal ?? (code in VERIFY_TEXTS ? code : null);
  if (reason !== null) {
    return new TlsError('TLS_PEER_UNTRUSTED', `peer certificate refused: ${VERIFY_TEXTS[reason] ?? reason}`);
  }
  if (error.message.includes('peer did not return a certificate')) {
    return new TlsError('TLS_PEER_UNTRUSTED', error.message);
  }
  if (TRANSPORT.has(code)) return new TlsError('TLS_TRANSPORT_CLOSED', 'connection reset by the peer');
  if (code.startsWith('ERR_SSL')) return new TlsError('TLS_PROTOCOL', error.message.trim());
  return new TlsError('TLS_TRANSPORT_CLOSED', error.message);
}
