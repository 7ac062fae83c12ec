import { createSign, generateKeyPairSync } from 'node:crypto';

/** Makes tokens that Envoy can verify. */
export class TokenIssuer {
  readonly #keys = generateKeyPairSync('rsa', { modulusLength: 2048 });
  /** What it publishes. */
  readonly jwks: string;

  constructor(
    readonly name: string,
    private readonly keyId = 'k',
  ) {
    const key = { ...this.#keys.publicKey.export({ format: 'jwk' }), kid: keyId, alg: 'RS256', use: 'sig' };
    this.jwks = JSON.stringify({ keys: [key] });
  }

  /** Good for an hour unless the claims say something else. */
  tokenOf(claims: Readonly<Record<string, unknown>>): string {
    const encode = (part: object): string => Buffer.from(JSON.stringify(part)).toString('base64url');
    const body = { iss: this.name, exp: Math.floor(Date.now() / 1000) + 3600, ...claims };
    const signed = `${encode({ alg: 'RS256', typ: 'JWT', kid: this.keyId })}.${encode(body)}`;
    return `${signed}.${createSign('RSA-SHA256').update(signed).sign(this.#keys.privateKey).toString('base64url')}`;
  }
}
