import { err, ok, type Result } from '@weft/result';

/** What may be negotiated. Every TLS endpoint of Weft takes its settings from one of these, and from nowhere else. */
export interface TlsProfile {
  readonly name: TlsProfileName;
  /** Between workloads it is always TLS 1.3; this is for servers that others call, too. */
  readonly minVersion: 'TLSv1.2' | 'TLSv1.3';
  readonly tls13Suites: readonly string[];
  /** OpenSSL's names; empty where TLS 1.2 is not spoken. */
  readonly tls12Suites: readonly string[];
  /**
   * As OpenSSL 3.5 takes them. `*`: a key share goes into the first flight; `?`: left out where the library lacks it; `/`:
   * groups before it are preferred at the price of a round trip.
   */
  readonly groups: string;
  /** The same for Envoy's `TlsParameters`. */
  readonly envoy: {
    readonly tlsMinimumProtocolVersion: 'TLSv1_2' | 'TLSv1_3';
    readonly cipherSuites: readonly string[];
    readonly ecdhCurves: readonly string[];
  };
}

export type TlsProfileName = 'default' | 'pqc' | 'fips';

const TLS13 = ['TLS_AES_256_GCM_SHA384', 'TLS_AES_128_GCM_SHA256'] as const;
const TLS12 = [
  'ECDHE-ECDSA-AES256-GCM-SHA384',
  'ECDHE-RSA-AES256-GCM-SHA384',
  'ECDHE-ECDSA-AES128-GCM-SHA256',
  'ECDHE-RSA-AES128-GCM-SHA256',
] as const;

export const TLS_PROFILES: Readonly<Record<TlsProfileName, TlsProfile>> = {
  /** Post-quantum with every peer that can. A peer without ML-KEM costs no extra round trip. */
  default: {
    name: 'default',
    minVersion: 'TLSv1.2',
    tls13Suites: TLS13,
    tls12Suites: TLS12,
    groups: '?*X25519MLKEM768 / ?*X25519:?secp256r1',
    envoy: {
      tlsMinimumProtocolVersion: 'TLSv1_2',
      cipherSuites: TLS12,
      ecdhCurves: ['X25519MLKEM768', 'X25519', 'P-256'],
    },
  },
  /** Post-quantum or nothing. */
  pqc: {
    name: 'pqc',
    minVersion: 'TLSv1.3',
    tls13Suites: TLS13,
    tls12Suites: [],
    groups: 'X25519MLKEM768',
    envoy: { tlsMinimumProtocolVersion: 'TLSv1_3', cipherSuites: [], ecdhCurves: ['X25519MLKEM768'] },
  },
  /**
   * Algorithms that FIPS 140 modules have: NIST curves, AES-GCM. The OpenSSL inside Node.js is not a validated module, so this
   * narrows what is negotiated and claims no more.
   */
  fips: {
    name: 'fips',
    minVersion: 'TLSv1.2',
    tls13Suites: TLS13,
    tls12Suites: TLS12,
    groups: '*secp256r1:secp384r1',
    envoy: { tlsMinimumProtocolVersion: 'TLSv1_2', cipherSuites: TLS12, ecdhCurves: ['P-256', 'P-384'] },
  },
};

const BY_POLICY: Readonly<Record<string, TlsProfileName>> = {
  '': 'default',
  pqc: 'pqc',
  'fips-140-2': 'fips',
  'fips-140-3': 'fips',
};
/** What `COMPLIANCE_POLICY` may say, as in Istio. */
export const COMPLIANCE_POLICIES: readonly string[] = Object.keys(BY_POLICY);

/** The profile of a `COMPLIANCE_POLICY`; the error says what may stand there. */
export function tlsProfileOf(compliancePolicy: string): Result<TlsProfile, string> {
  const name = BY_POLICY[compliancePolicy];
  if (name !== undefined) return ok(TLS_PROFILES[name]);
  return err(`want one of ${COMPLIANCE_POLICIES.filter(Boolean).join(', ')}, or leave it unset`);
}
