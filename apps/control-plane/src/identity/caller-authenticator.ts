import { hash } from 'node:crypto';
import { status, type Metadata } from '@grpc/grpc-js';
import type { TokenVerdict } from '@weft/kube';
import { err, ok, toError, type Clock, type Result } from '@weft/result';
import { parseSpiffeId, uriSansOfCertificate } from '@weft/spiffe';
import type { XdsCaller, XdsRefusal } from '@weft/xds-grpc';
import { LRUCache } from 'lru-cache';

export interface CallerAuthenticatorOptions {
  readonly reviewToken: (token: string, audiences: readonly string[]) => Promise<TokenVerdict>;
  readonly audience: string;
  /** Whose certificates name accounts of this mesh: its trust domain and the aliases. */
  readonly trustDomains: () => readonly string[];
  readonly clock: Clock;
  readonly log: { warn(fields: object, message: string): void };
}

interface Known {
  readonly account: string;
  readonly reviewedAtMs: number;
}

const SERVICE_ACCOUNT_USER = /^system:serviceaccount:([^:]+):([^:]+)$/;
/** A token is good for so long without asking again. */
const FRESH_MS = 30_000;
/** While the API server cannot be asked, a token that was good counts as good for so long. */
const STALE_MS = 10 * 60_000;
const MAX_TOKEN_CHARS = 16_384;
/** Strangers must not turn us into a flood against the API server. */
const MAX_REVIEWS_UNDER_WAY = 64;

/**
 * Says who a client is by its service account token, or else by its certificate. Only positive answers of the API
 * server are remembered, under a hash of the token, and never beyond the token's own expiry.
 */
export class CallerAuthenticator {
  readonly #known = new LRUCache<string, Known>({ max: 10_000 });
  #underWay = 0;

  constructor(private readonly options: CallerAuthenticatorOptions) {}

  /** @param certificate of the client, verified against our roots; null: none */
  async authenticate(metadata: Metadata, certificate: Buffer | null = null): Promise<Result<XdsCaller, XdsRefusal>> {
    const header = metadata.get('authorization').at(-1);
    if (header === undefined && certificate !== null) return this.#byCertificate(certificate);
    const account = await this.accountOf(typeof header === 'string' ? header : undefined);
    return account.ok ? ok({ name: account.value }) : account;
  }

  /** `namespace/serviceAccount` of a bearer token, given as the value of an `authorization` header. */
  async accountOf(authorization: string | undefined): Promise<Result<string, XdsRefusal>> {
    const token = /^Bearer (\S+)$/.exec(authorization ?? '')?.[1];
    if (token === undefined || token.length > MAX_TOKEN_CHARS) return unauthenticated('send a service account token');
    return this.#review(token);
  }

  /** The account that exactly one name of the certificate tells. */
  #byCertificate(certificate: Buffer): Result<XdsCaller, XdsRefusal> {
    const [uri = '', ...others] = uriSansOfCertificate(certificate);
    const id = parseSpiffeId(uri);
    if (!id.ok || others.length > 0) return unauthenticated('the certificate does not name one service account');
    const { trustDomain, namespace, serviceAccount } = id.value;
    if (!this.options.trustDomains().includes(trustDomain))
      return unauthenticated(`the certificate is of trust domain ${trustDomain}, which is not of this mesh`);
    return ok({ name: `${namespace}/${serviceAccount}` });
  }

  async #review(token: string): Promise<Result<string, XdsRefusal>> {
    const { clock, reviewToken, audience, log } = this.options;
    const key = hash('sha256', token, 'hex');
    const known = expiryMs(token) > clock.now() ? this.#known.get(key) : undefined;
    const ageMs = known === undefined ? Infinity : clock.now() - known.reviewedAtMs;
    if (known !== undefined && ageMs < FRESH_MS) return ok(known.account);
    if (this.#underWay >= MAX_REVIEWS_UNDER_WAY) return unavailable('too many token reviews are under way, try again');
    this.#underWay++;
    try {
      const verdict = await reviewToken(token, [audience]);
      const match = verdict.authenticated ? SERVICE_ACCOUNT_USER.exec(verdict.username) : null;
      if (match === null) {
        this.#known.delete(key);
        return unauthenticated(verdict.authenticated ? 'not a token of a service account' : 'the token is not valid');
      }
      const account = `${match[1]!}/${match[2]!}`;
      this.#known.set(key, { account, reviewedAtMs: clock.now() });
      return ok(account);
    } catch (thrown) {
      log.warn({ err: toError(thrown).message, known: known?.account }, 'the API server cannot review a token');
      if (known !== undefined && ageMs < STALE_MS) return ok(known.account);
      return unavailable('token review is not available, try again');
    } finally {
      this.#underWay--;
    }
  }
}

const unavailable = (message: string): Result<never, XdsRefusal> => err({ code: status.UNAVAILABLE, message });
const unauthenticated = (message: string): Result<never, XdsRefusal> => err({ code: status.UNAUTHENTICATED, message });

/** From the token itself, which the API server has vouched for; 0 if it has none. */
function expiryMs(token: string): number {
  try {
    const claims = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString()) as { exp?: unknown };
    return typeof claims.exp === 'number' ? claims.exp * 1000 : 0;
  } catch {
    return 0;
  }
}
