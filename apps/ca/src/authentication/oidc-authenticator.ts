import { decodeJwt, errors, jwtVerify, type JWTPayload } from 'jose';
import { toError, type Clock } from '@weft/result';
import { refused, unavailable, type Authenticator, type Evidence, type Verdict } from './authenticator.js';
import { IssuerKeys, type FetchText, type KeySet } from './issuer-keys.js';
import { KeysUnavailableError } from './https-fetch.js';
import type { OidcRule } from './oidc-rule.js';

/** Signatures by which only the issuer can make a token. */
const ALGORITHMS = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512', 'EdDSA'];
const CLOCK_TOLERANCE_SECONDS = 30;
/** A header of a request is shorter than that. */
const LONGEST_TOKEN = 16_384;
const SERVICE_ACCOUNT_SUBJECT = /^system:serviceaccount:([a-zA-Z0-9._-]+):([a-zA-Z0-9._-]+)$/;

interface Issuer {
  readonly rule: OidcRule;
  readonly keys: IssuerKeys;
}

/**
 * Tokens of issuers that the operator named: of other clusters, or for virtual machines. Signature, issuer, audience and time
 * are checked, and the subject must be a service account. Without current keys nothing is accepted.
 */
export class OidcAuthenticator implements Authenticator {
  readonly name = 'oidc';
  readonly #issuers: ReadonlyMap<string, Issuer>;

  constructor(
    rules: readonly OidcRule[],
    private readonly options: { readonly fetchText: FetchText; readonly clock: Clock },
  ) {
    const { fetchText, clock } = options;
    this.#issuers = new Map(
      rules.map((rule) => [rule.issuer, { rule, keys: new IssuerKeys(rule, fetchText, clock) }] as const),
    );
  }

  async judge({ token }: Evidence): Promise<Verdict> {
    const issuer = token === undefined ? undefined : this.#issuerOf(token);
    if (token === undefined || issuer === undefined) return { kind: 'absent' };
    try {
      return await this.#verify(token, issuer);
    } catch (thrown) {
      const failure = toError(thrown);
      return failure instanceof KeysUnavailableError ? unavailable(failure.message) : refused(failure.message);
    }
  }

  async #verify(token: string, { rule, keys }: Issuer): Promise<Verdict> {
    const verify = async (set: KeySet): Promise<JWTPayload> => {
      const options = {
        ...{ issuer: rule.issuer, audience: [...rule.audiences], algorithms: ALGORITHMS },
        ...{ clockTolerance: CLOCK_TOLERANCE_SECONDS, requiredClaims: ['exp', 'sub'] },
        currentDate: new Date(this.options.clock.now()),
      };
      return (await jwtVerify(token, set, options)).payload;
    };
    const payload = await verify(await keys.current()).catch(async (failure: unknown) => {
      // A key that is not known may be one that the issuer has only begun to use.
      if (!(failure instanceof errors.JWKSNoMatchingKey)) throw failure;
      return verify(await keys.newest());
    });
    const match = SERVICE_ACCOUNT_SUBJECT.exec(payload.sub ?? '');
    if (match === null)
      return refused(`subject ${JSON.stringify(payload.sub)} of ${rule.issuer} is not a service account`);
    return { kind: 'caller', caller: { namespace: match[1]!, serviceAccount: match[2]!, by: 'oidc' } };
  }

  /** By a claim that is not verified yet: it decides only against whose keys the token is held. */
  #issuerOf(token: string): Issuer | undefined {
    if (token.length > LONGEST_TOKEN) return undefined;
    try {
      return this.#issuers.get(decodeJwt(token).iss ?? '');
    } catch {
      return undefined;
    }
  }
}
