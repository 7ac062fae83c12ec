import { createPrivateKey, generateKeyPair, type KeyObject, type KeyPairKeyObjectResult } from 'node:crypto';
import { promisify } from 'node:util';
import { SIGNATURE_ALGORITHMS, type SignatureAlgorithm } from './algorithms.js';

/** Key types that authorities may have: those that every TLS peer verifies. */
export const AUTHORITY_KEY_TYPES = ['ecdsa-p256', 'ecdsa-p384', 'rsa-2048', 'rsa-3072'] as const;
/** Key types that SVIDs may have. Ed25519 only where all peers know it: not every TLS stack does. */
export const KEY_TYPES = [...AUTHORITY_KEY_TYPES, 'ed25519'] as const;
export type AuthorityKeyType = (typeof AUTHORITY_KEY_TYPES)[number];
export type KeyType = (typeof KEY_TYPES)[number];

const generate = promisify(generateKeyPair);

export async function makeKeyPair(type: KeyType): Promise<KeyPairKeyObjectResult> {
  switch (type) {
    case 'ecdsa-p256':
      return generate('ec', { namedCurve: 'P-256' });
    case 'ecdsa-p384':
      return generate('ec', { namedCurve: 'P-384' });
    case 'rsa-2048':
      return generate('rsa', { modulusLength: 2048 });
    case 'rsa-3072':
      return generate('rsa', { modulusLength: 3072 });
    case 'ed25519':
      return generate('ed25519');
  }
}

/** PKCS#8. */
export function privateKeyPemOf(key: KeyObject): string {
  return key.export({ format: 'pem', type: 'pkcs8' }) as string;
}

/** Asking a key object for its details costs a tenth of a signature. */
const algorithms = new WeakMap<KeyObject, SignatureAlgorithm>();

/** How a key signs: ECDSA with SHA-384 on P-384, else SHA-256 (RSA: PKCS#1 v1.5). */
export function signatureAlgorithmOf(key: KeyObject): SignatureAlgorithm {
  const known = algorithms.get(key) ?? algorithmOf(key);
  algorithms.set(key, known);
  return known;
}

function algorithmOf(key: KeyObject): SignatureAlgorithm {
  if (key.asymmetricKeyType === 'ed25519') return SIGNATURE_ALGORITHMS.ed25519;
  if (key.asymmetricKeyType === 'rsa') return SIGNATURE_ALGORITHMS.rsaSha256;
  const { ecdsaSha256, ecdsaSha384 } = SIGNATURE_ALGORITHMS;
  return key.asymmetricKeyDetails?.namedCurve === 'secp384r1' ? ecdsaSha384 : ecdsaSha256;
}

/** Reads an unencrypted PKCS#8, SEC1 or PKCS#1 PEM key for signing. Throws, saying why, if it is none or too weak. */
export function readSigningKey(pem: string): KeyObject {
  if (pem.trim() === '') throw new TypeError('there is no private key');
  const key = readKey(pem);
  const { namedCurve = '', modulusLength = 0 } = key.asymmetricKeyDetails ?? {};
  if (key.asymmetricKeyType === 'ec') {
    if (namedCurve === 'prime256v1' || namedCurve === 'secp384r1') return key;
    throw new TypeError(`a key on curve ${namedCurve} is not supported: use P-256 or P-384`);
  }
  if (key.asymmetricKeyType !== 'rsa')
    throw new TypeError(`key type ${key.asymmetricKeyType ?? 'unknown'} is not supported: use ECDSA or RSA`);
  if (modulusLength < 2048) throw new TypeError(`an RSA key of ${modulusLength} bits is too weak: want 2048 or more`);
  return key;
}

function readKey(pem: string): KeyObject {
  try {
    return createPrivateKey(pem);
  } catch (cause) {
    // The message of OpenSSL may differ by version and quotes nothing an operator can use.
    throw new TypeError('the private key is not an unencrypted PEM key', { cause });
  }
}
