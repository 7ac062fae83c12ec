import { DER, der, oid, sequence } from './der-writer.js';

const NULL = der(DER.null);

/** AlgorithmIdentifier of subject public keys, as bytes that are compared or written. */
export const KEY_ALGORITHMS = {
  p256: sequence(oid('1.2.840.10045.2.1'), oid('1.2.840.10045.3.1.7')),
  p384: sequence(oid('1.2.840.10045.2.1'), oid('1.3.132.0.34')),
  rsa: sequence(oid('1.2.840.113549.1.1.1'), NULL),
  ed25519: sequence(oid('1.3.101.112')),
} as const;

export const EC_PUBLIC_KEY = oid('1.2.840.10045.2.1');

/** The family of keys that can make a signature, and its digest as node:crypto names it; null where the scheme has its own. */
export interface SignatureAlgorithm {
  readonly family: 'ec' | 'rsa' | 'ed25519';
  readonly digest: 'sha256' | 'sha384' | 'sha512' | null;
  readonly identifier: Buffer;
}

const ecdsa = (digest: 'sha256' | 'sha384' | 'sha512', last: number): SignatureAlgorithm => ({
  family: 'ec',
  digest,
  identifier: sequence(oid(`1.2.840.10045.4.3.${last}`)),
});
const rsa = (digest: 'sha256' | 'sha384' | 'sha512', last: number): SignatureAlgorithm => ({
  family: 'rsa',
  digest,
  identifier: sequence(oid(`1.2.840.113549.1.1.${last}`), NULL),
});

/** RFC 5758 3.2, RFC 4055 5, RFC 8410 3. */
export const SIGNATURE_ALGORITHMS = {
  ecdsaSha256: ecdsa('sha256', 2),
  ecdsaSha384: ecdsa('sha384', 3),
  ecdsaSha512: ecdsa('sha512', 4),
  rsaSha256: rsa('sha256', 11),
  rsaSha384: rsa('sha384', 12),
  rsaSha512: rsa('sha512', 13),
  ed25519: { family: 'ed25519', digest: null, identifier: KEY_ALGORITHMS.ed25519 },
} as const satisfies Record<string, SignatureAlgorithm>;
