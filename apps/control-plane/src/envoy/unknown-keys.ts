import { generateKeyPairSync } from 'node:crypto';

/** A set with one public key whose private half is thrown away here: nothing that is verified with it is ever good. */
export function unknownKeys(): string {
  const { publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  return JSON.stringify({
    keys: [{ ...publicKey.export({ format: 'jwk' }), kid: 'unknown', alg: 'RS256', use: 'sig' }],
  });
}
