import { webcrypto } from 'node:crypto';

/** Key pairs and their signature as @peculiar/x509 wants them. */
export async function webKeyPair(namedCurve = 'P-256'): Promise<CryptoKeyPair> {
  return await webcrypto.subtle.generateKey({ name: 'ECDSA', namedCurve }, true, ['sign', 'verify']);
}

export function webSigningAlgorithm(key: CryptoKey): EcdsaParams | Algorithm {
  return { name: key.algorithm.name, hash: 'SHA-256' };
}
