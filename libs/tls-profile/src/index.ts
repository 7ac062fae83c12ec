export {
  COMPLIANCE_POLICIES,
  TLS_PROFILES,
  tlsProfileOf,
  type TlsProfile,
  type TlsProfileName,
} from './tls-profile.js';
