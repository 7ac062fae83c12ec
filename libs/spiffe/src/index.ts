export {
  CertificateAuthority,
  createRoot,
  type AuthorityMaterial,
  type IssuedLeaf,
  type LeafOptions,
} from './certificate-authority.js';
export {
  splitPemCertificates,
  summarizeCertificate,
  verifyChain,
  type CertificateSummary,
} from './certificate-chain.js';
export {
  checkCsr,
  createCsr,
  provesPossession,
  type CheckedCsr,
  type ProofCheck,
  type SigningRequest,
} from './certificate-signing-request.js';
export { serialText } from './certificate-fields.js';
export { readCrlFile } from './crl-file.js';
export { isSignedBy, parseCrl, type Crl } from './crl.js';
export { type PublicKey } from './public-key.js';
export { CaBusyError, SpiffeError, type SpiffeErrorCode } from './errors.js';
export { AUTHORITY_KEY_TYPES, KEY_TYPES, type AuthorityKeyType, type KeyType } from './keys.js';
export { pemOf } from './pem.js';
export { RevocationList } from './revocation-list.js';
export { type RevokedIdentity } from './revoked-identities.js';
export { maySignCrls, signCrl, type CrlOptions } from './sign-crl.js';
export {
  SecretManager,
  type CertificateSigner,
  type SecretManagerOptions,
  type SecretState,
} from './secret-manager.js';
export { type Priority } from './signing-queue.js';
export { formatSpiffeBundle, parseSpiffeBundle, type SpiffeBundle } from './spiffe-bundle.js';
export { formatSpiffeId, parseSpiffeId, type SpiffeId } from './spiffe-id.js';
export { uriSansOfCertificate } from './subject-alt-names.js';
export { mergeTrustBundles, parseTrustBundle, withoutRoots, type TrustBundle } from './trust-bundle.js';
export { svidFromCaResponse, type Svid } from './svid.js';
