import { createHash, randomUUID } from 'node:crypto';
import {
  exportJWK,
  exportPKCS8,
  generateKeyPair,
  importJWK,
  importPKCS8,
  jwtVerify,
  SignJWT,
  type JWK,
  type JWTPayload,
} from 'jose';
import { asObject, type JsonObject } from '@weft/testing-kube-schema';

const ALGORITHM = 'ES256';

export interface BoundObject {
  readonly name: string;
  readonly uid: string;
}

/** What a ServiceAccount token says. */
export interface TokenClaims {
  readonly namespace: string;
  readonly serviceAccount: BoundObject;
  readonly pod?: BoundObject;
  readonly node?: BoundObject;
  readonly secret?: BoundObject;
  readonly audiences: readonly string[];
  readonly expiresAtSeconds: number;
  readonly id: string;
}

type Key = Awaited<ReturnType<typeof importPKCS8>>;

function readBound(value: unknown): BoundObject | undefined {
  const { name, uid } = asObject(value);
  return typeof name === 'string' && typeof uid === 'string' ? { name, uid } : undefined;
}

/** Signs and reads ServiceAccount tokens (JWT, ES256) with the claims of Kubernetes. */
export class TokenSigner {
  private constructor(
    private readonly privateKey: Key,
    private readonly publicKey: Key,
    readonly publicJwk: JWK,
    readonly issuer: string,
  ) {}

  static async newKeyPem(): Promise<string> {
    const { privateKey } = await generateKeyPair(ALGORITHM, { extractable: true });
    return exportPKCS8(privateKey);
  }

  static async fromPem(pem: string, issuer: string): Promise<TokenSigner> {
    const privateKey = await importPKCS8(pem, ALGORITHM, { extractable: true });
    const whole = await exportJWK(privateKey);
    const jwk = { kty: whole.kty!, crv: whole.crv!, x: whole.x!, y: whole.y! };
    const kid = createHash('sha256')
      .update(JSON.stringify([jwk.x, jwk.y]))
      .digest('base64url');
    const publicKey = (await importJWK({ ...jwk, alg: ALGORITHM }, ALGORITHM)) as Key;
    return new TokenSigner(privateKey, publicKey, { ...jwk, kid, alg: ALGORITHM, use: 'sig' }, issuer);
  }

  /** `now` in seconds since the epoch. */
  async sign(claims: Omit<TokenClaims, 'id'>, now: number): Promise<string> {
    const { namespace, serviceAccount, pod, node, secret } = claims;
    const kubernetes: JsonObject = {
      namespace,
      serviceaccount: serviceAccount,
      ...(pod === undefined ? {} : { pod }),
      ...(node === undefined ? {} : { node }),
      ...(secret === undefined ? {} : { secret }),
    };
    return new SignJWT({ 'kubernetes.io': kubernetes })
      .setProtectedHeader({ alg: ALGORITHM, kid: this.publicJwk.kid! })
      .setIssuer(this.issuer)
      .setSubject(`system:serviceaccount:${namespace}:${serviceAccount.name}`)
      .setAudience([...claims.audiences])
      .setIssuedAt(now)
      .setNotBefore(now)
      .setExpirationTime(claims.expiresAtSeconds)
      .setJti(randomUUID())
      .sign(this.privateKey);
  }

  /** Null for a token that is not ours, malformed, or outside its time. Says nothing about the bound objects. */
  async verify(token: string, now: Date): Promise<TokenClaims | null> {
    let payload: JWTPayload;
    try {
      ({ payload } = await jwtVerify(token, this.publicKey, {
        issuer: this.issuer,
        algorithms: [ALGORITHM],
        currentDate: now,
      }));
    } catch {
      return null;
    }
    const kubernetes = asObject(payload['kubernetes.io']);
    const namespace = kubernetes['namespace'];
    const serviceAccount = readBound(kubernetes['serviceaccount']);
    if (typeof namespace !== 'string' || serviceAccount === undefined || payload.exp === undefined) return null;
    const pod = readBound(kubernetes['pod']);
    const node = readBound(kubernetes['node']);
    const secret = readBound(kubernetes['secret']);
    const audience = payload.aud ?? [];
    return {
      namespace,
      serviceAccount,
      ...(pod === undefined ? {} : { pod }),
      ...(node === undefined ? {} : { node }),
      ...(secret === undefined ? {} : { secret }),
      audiences: typeof audience === 'string' ? [audience] : audience,
      expiresAtSeconds: payload.exp,
      id: payload.jti ?? '',
    };
  }
}
