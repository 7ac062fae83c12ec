import { COMPLIANCE_POLICIES, TLS_PROFILES, tlsProfileOf, type TlsProfile } from '@weft/tls-profile';
import type { EnvReader } from './env-reader.js';

/** `COMPLIANCE_POLICY`, one name for every app. */
export function readTlsProfile(read: EnvReader): TlsProfile {
  const profile = tlsProfileOf(read.oneOf('COMPLIANCE_POLICY', COMPLIANCE_POLICIES, ''));
  return profile.ok ? profile.value : TLS_PROFILES.default;
}
