import { pemCertificates } from './pem-certificates.js';

/** What certificates of the other side are verified with, as a Secret has it. */
export interface CredentialRoots {
  /** PEM. */
  readonly roots: string | null;
  /** PEM: certificates that were taken back. */
  readonly crl: string | null;
  /** Why there are no roots to use, and what to correct; null if there are. */
  readonly fault: string | null;
}

/** Keys of a Secret that are read; those of generic Secrets go before those of type kubernetes.io/tls. */
export const CREDENTIAL_ROOT_KEYS = { roots: ['cacert', 'ca.crt'], crl: ['crl', 'ca.crl'] } as const;

const CRL = /-----BEGIN X509 CRL-----[^-]+-----END X509 CRL-----/;

/** Reads the data of a Secret, decoded. Never throws. A list that cannot be read counts as no roots: nobody may get past it. */
export function readCredentialRoots(data: Readonly<Record<string, string>>): CredentialRoots {
  const [rootsName, crlName] = [CREDENTIAL_ROOT_KEYS.roots, CREDENTIAL_ROOT_KEYS.crl].map((names) =>
    names.find((one) => data[one] !== undefined),
  );
  const none = (fault: string): CredentialRoots => ({ roots: null, crl: null, fault });
  if (rootsName === undefined) return none('has no roots; write them as ca.crt, in PEM');
  const roots = data[rootsName]!;
  if (pemCertificates(roots).length === 0)
    return none(`${rootsName} has no certificates in PEM that can be read; correct it`);
  const crl = crlName === undefined ? null : data[crlName]!;
  if (crl !== null && !CRL.test(crl)) return none(`${crlName} is not a revocation list in PEM; correct it`);
  return { roots, crl, fault: null };
}
