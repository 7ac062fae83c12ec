/** Only what reads identities: for programs that must stay small, without the code that makes certificates. */
export { SpiffeError, type SpiffeErrorCode } from './errors.js';
export { RevocationList } from './revocation-list.js';
export { formatSpiffeId, parseSpiffeId, type SpiffeId } from './spiffe-id.js';
export { uriSansOfCertificate } from './subject-alt-names.js';
