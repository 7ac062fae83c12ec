import { createHash, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { LRUCache } from 'lru-cache';
import { uidOf } from '../kube-object.js';
import type { Store } from '../storage/store.js';
import type { TokenClaims, TokenSigner } from './token-signer.js';
import type { UserInfo } from './user-info.js';

const ADMIN: UserInfo = {
  username: 'kubernetes-admin',
  groups: ['kubeadm:cluster-admins', 'system:masters', 'system:authenticated'],
};
const CACHED_TOKENS = 2000;

const digest = (text: string): Buffer => createHash('sha256').update(text).digest();

/** `groups` and `extra` of a ServiceAccount token. */
function serviceAccountUser(claims: TokenClaims): UserInfo {
  const { namespace, serviceAccount, pod, node } = claims;
  return {
    username: `system:serviceaccount:${namespace}:${serviceAccount.name}`,
    uid: serviceAccount.uid,
    groups: ['system:serviceaccounts', `system:serviceaccounts:${namespace}`, 'system:authenticated'],
    extra: {
      'authentication.kubernetes.io/credential-id': [`JTI=${claims.id}`],
      ...(node === undefined
        ? {}
        : {
            'authentication.kubernetes.io/node-name': [node.name],
            'authentication.kubernetes.io/node-uid': [node.uid],
          }),
      ...(pod === undefined
        ? {}
        : { 'authentication.kubernetes.io/pod-name': [pod.name], 'authentication.kubernetes.io/pod-uid': [pod.uid] }),
    },
  };
}

export type TokenVerdict =
  | { readonly authenticated: true; readonly user: UserInfo; readonly audiences: readonly string[] }
  | { readonly authenticated: false; readonly error: string };

/**
 * Knows one administrator token and all ServiceAccount tokens of this cluster. A ServiceAccount token counts while its
 * account and the pod or node it is bound to exist under the same uid. Who is authenticated may do anything: this server has
 * no authorizer (see README).
 */
export class Authenticator {
  readonly #adminDigest: Buffer;
  readonly #verified = new LRUCache<string, TokenClaims>({ max: CACHED_TOKENS });

  constructor(
    adminToken: string,
    private readonly signer: TokenSigner,
    private readonly store: Store,
    private readonly now: () => Date,
  ) {
    this.#adminDigest = digest(adminToken);
  }

  /** The audiences that the API server itself accepts. */
  get audiences(): readonly string[] {
    return [this.signer.issuer];
  }

  /** Null: nobody we know. `Impersonate-User` is honoured, as for any administrator. */
  async authenticate(request: IncomingMessage): Promise<UserInfo | null> {
    const [scheme, token = ''] = (request.headers.authorization ?? '').split(' ');
    if (scheme?.toLowerCase() !== 'bearer' || token === '') return null;
    const verdict = await this.review(token, this.audiences);
    if (!verdict.authenticated) return null;
    const wanted = request.headers['impersonate-user'];
    if (typeof wanted !== 'string' || wanted === '') return verdict.user;
    const groups = String(request.headers['impersonate-group'] ?? '')
      .split(',')
      .map((group) => group.trim())
      .filter((group) => group !== '');
    return { username: wanted, groups: [...groups, 'system:authenticated'] };
  }

  /** Judges a token for any of the audiences. */
  async review(token: string, audiences: readonly string[]): Promise<TokenVerdict> {
    if (timingSafeEqual(digest(token), this.#adminDigest)) {
      const common = this.audiences.filter((audience) => audiences.includes(audience));
      if (common.length > 0) return { authenticated: true, user: ADMIN, audiences: common };
      return { authenticated: false, error: 'the token is for the API server only' };
    }
    const claims = await this.#claims(token);
    if (claims === null)
      return { authenticated: false, error: 'the token is malformed, expired or not of this cluster' };
    const common = claims.audiences.filter((audience) => audiences.includes(audience));
    if (common.length === 0) {
      return {
        authenticated: false,
        error: `token audiences ${JSON.stringify(claims.audiences)} is invalid for the target audiences ${JSON.stringify(audiences)}`,
      };
    }
    const missing = this.#missing(claims);
    if (missing !== null) return { authenticated: false, error: missing };
    return { authenticated: true, user: serviceAccountUser(claims), audiences: common };
  }

  async #claims(token: string): Promise<TokenClaims | null> {
    const known = this.#verified.get(token);
    if (known !== undefined) return known.expiresAtSeconds * 1000 > this.now().getTime() ? known : null;
    const claims = await this.signer.verify(token, this.now());
    if (claims !== null) this.#verified.set(token, claims);
    return claims;
  }

  /** What the token is bound to and is no more; null when all of it is there. */
  #missing({ namespace, serviceAccount, pod, node, secret }: TokenClaims): string | null {
    const bound = [
      ['serviceaccounts', namespace, serviceAccount],
      ['pods', namespace, pod],
      ['secrets', namespace, secret],
      ['nodes', '', pod === undefined ? node : undefined],
    ] as const;
    for (const [bucket, where, object] of bound) {
      if (object === undefined) continue;
      const live = this.store.bucket(bucket).get(where, object.name);
      if (live === undefined || uidOf(live.object) !== object.uid) {
        return `${bucket} ${JSON.stringify(object.name)} with uid ${object.uid} that the token is bound to does not exist`;
      }
    }
    return null;
  }
}
