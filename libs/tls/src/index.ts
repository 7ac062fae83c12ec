export { EcdsaVerifier, type EcdsaSignature, type EcdsaVerdict } from './ecdsa-verifier.js';
export { NodeTlsConnection } from './portable/node-tls-connection.js';
export { NodeTlsContext } from './portable/node-tls-context.js';
export { openSslProblem } from './openssl.js';
export { TLS_CLOSED, TLS_DONE, TLS_FAILED, TLS_WANT_READ, TLS_WANT_WRITE, TlsConnection } from './tls-connection.js';
export { TlsContext, type TlsIdentity } from './tls-context.js';
export { TLS_ERROR_CODES, TlsError, type TlsErrorCode } from './tls-error.js';
