import { createSign, generateKeyPairSync } from 'node:crypto';

/** An issuer of RS256 tokens, as RequestAuthentication knows it. */
export class TokenIssuer {
  readonly #keys = generateKeyPairSync('rsa', { modulusLength: 2048 });

  constructor(readonly issuer: string) {}

  /** Its public keys, as a JWKS document. */
  get jwks(): string {
    const key = this.#keys.publicKey.export({ format: 'jwk' });
    return JSON.stringify({ keys: [{ ...key, kid: 'k1', alg: 'RS256', use: 'sig' }] });
  }

  /** A token with these claims, good for an hour. */
  token(claims: Readonly<Record<string, unknown>>): string {
    const now = Math.floor(Date.now() / 1000);
    const encode = (part: object): string => Buffer.from(JSON.stringify(part)).toString('base64url');
    const body = { iss: this.issuer, sub: 'someone', iat: now - 10, exp: now + 3600, ...claims };
    const signed = `${encode({ alg: 'RS256', typ: 'JWT', kid: 'k1' })}.${encode(body)}`;
    return `${signed}.${createSign('RSA-SHA256').update(signed).sign(this.#keys.privateKey).toString('base64url')}`;
  }
}
