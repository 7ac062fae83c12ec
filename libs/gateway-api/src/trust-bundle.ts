import { pemCertificates } from './pem-certificates.js';

/** Roots that a ConfigMap has for verifying certificates of peers. */
export interface TrustBundle {
  readonly pem: string | null;
  /** Why there are none to use, and what to correct; null if there are. */
  readonly fault: string | null;
}

export const TRUST_BUNDLE_KEY = 'ca.crt';

/** Reads the data of a ConfigMap. Never throws. */
export function readTrustBundle(data: Readonly<Record<string, string>>): TrustBundle {
  const text = data[TRUST_BUNDLE_KEY];
  if (text === undefined) return { pem: null, fault: `has no key ${TRUST_BUNDLE_KEY}; write the roots there, in PEM` };
  return pemCertificates(text).length === 0
    ? { pem: null, fault: `${TRUST_BUNDLE_KEY} has no certificates in PEM that can be read; correct it` }
    : { pem: text, fault: null };
}
