import { x509 } from './x509.js';
import { createPrivateKey, webcrypto, type KeyObject } from 'node:crypto';

/** Key types that SVIDs and authorities may have. */
export const KEY_TYPES = ['ecdsa-p256', 'ecdsa-p384', 'rsa-2048', 'rsa-3072'] as const;
export type KeyType = (typeof KEY_TYPES)[number];

const RSA = { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256', publicExponent: new Uint8Array([1, 0, 1]) };
const PARAMETERS: Readonly<Record<KeyType, EcKeyGenParams | RsaHashedKeyGenParams>> = {
  'ecdsa-p256': { name: 'ECDSA', namedCurve: 'P-256' },
  'ecdsa-p384': { name: 'ECDSA', namedCurve: 'P-384' },
  'rsa-2048': { ...RSA, modulusLength: 2048 },
  'rsa-3072': { ...RSA, modulusLength: 3072 },
};

export async function generateKeyPair(type: KeyType): Promise<CryptoKeyPair> {
  return await webcrypto.subtle.generateKey(PARAMETERS[type], true, ['sign', 'verify']);
}

/** PKCS#8 PEM. */
export async function exportPrivateKeyPem(key: CryptoKey): Promise<string> {
  const der = await webcrypto.subtle.exportKey('pkcs8', key);
  return x509.PemConverter.encode(der, 'PRIVATE KEY') + '\n';
}

/** The digest that goes with a signing key: SHA-384 for P-384, else SHA-256. */
export function signingAlgorithm(key: CryptoKey): EcdsaParams | Algorithm {
  const { name, namedCurve } = key.algorithm as { name: string; namedCurve?: string };
  return { name, hash: namedCurve === 'P-384' ? 'SHA-384' : 'SHA-256' };
}

/** Imports an unencrypted PKCS#8, SEC1 or PKCS#1 PEM key for signing. Throws, saying why, if it is none or too weak. */
export async function importSigningKey(pem: string): Promise<CryptoKey> {
  const key = readKey(pem);
  const der = key.export({ format: 'der', type: 'pkcs8' });
  return await webcrypto.subtle.importKey('pkcs8', der, importParameters(key), true, ['sign']);
}

function readKey(pem: string): KeyObject {
  if (pem.trim() === '') throw new TypeError('there is no private key');
  try {
    return createPrivateKey(pem);
  } catch (cause) {
    // The message of OpenSSL may differ by version and quotes nothing an operator can use.
    throw new TypeError('the private key is not an unencrypted PEM key', { cause });
  }
}

function importParameters(key: KeyObject): { name: string; namedCurve: string } | { name: string; hash: string } {
  const { namedCurve = '', modulusLength = 0 } = key.asymmetricKeyDetails ?? {};
  if (key.asymmetricKeyType === 'ec') {
    const curve = ({ prime256v1: 'P-256', secp384r1: 'P-384' } as Record<string, string>)[namedCurve];
    if (curve === undefined) throw new TypeError(`a key on curve ${namedCurve} is not supported: use P-256 or P-384`);
    return { name: 'ECDSA', namedCurve: curve };
  }
  if (key.asymmetricKeyType !== 'rsa')
    throw new TypeError(`key type ${key.asymmetricKeyType ?? 'unknown'} is not supported: use ECDSA or RSA`);
  if (modulusLength < 2048) throw new TypeError(`an RSA key of ${modulusLength} bits is too weak: want 2048 or more`);
  return { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256' };
}
