import { createLocalJWKSet, type JSONWebKeySet } from 'jose';
import type { Clock } from '@weft/result';
import { KeysUnavailableError } from './https-fetch.js';
import type { OidcRule } from './oidc-rule.js';

/** Finds the key of a token; rejects with JWKSNoMatchingKey if there is none. */
export type KeySet = ReturnType<typeof createLocalJWKSet>;
export type FetchText = (url: string) => Promise<string>;

/** Keys are good for that long without being fetched again. */
const FRESH_MS = 5 * 60_000;
/** While the issuer is away its last keys are good for that long, not longer: a key that it has withdrawn must end. */
const STALE_MS = 15 * 60_000;
/** Tokens with made-up key ids must not become requests to the issuer. */
const SHORTEST_INTERVAL_MS = 10_000;

/** The keys of one issuer: fetched when they are needed, kept for minutes, never guessed. */
export class IssuerKeys {
  readonly #given: KeySet | null;
  #keys: KeySet | null = null;
  #fetchedAtMs = -Infinity;
  #triedAtMs = -Infinity;
  #underWay: Promise<void> | null = null;
  #failure: KeysUnavailableError | null = null;

  constructor(
    private readonly rule: OidcRule,
    private readonly fetchText: FetchText,
    private readonly clock: Clock,
  ) {
    this.#given = rule.jwks === null ? null : createLocalJWKSet(rule.jwks as JSONWebKeySet);
  }

  /** Rejects with KeysUnavailableError if there are no keys that are recent enough. */
  async current(): Promise<KeySet> {
    if (this.#given !== null) return this.#given;
    if (this.clock.now() - this.#fetchedAtMs > FRESH_MS) await this.#fetch();
    return this.#usable();
  }

  /** As `current`, fetched just now if that is not too soon after the last time. */
  async newest(): Promise<KeySet> {
    if (this.#given !== null) return this.#given;
    await this.#fetch();
    return this.#usable();
  }

  #usable(): KeySet {
    if (this.#keys !== null && this.clock.now() - this.#fetchedAtMs <= STALE_MS) return this.#keys;
    throw this.#failure ?? new KeysUnavailableError(`the keys of ${this.rule.issuer} are not there yet`);
  }

  async #fetch(): Promise<void> {
    if (this.#underWay === null && this.clock.now() - this.#triedAtMs < SHORTEST_INTERVAL_MS) return;
    this.#underWay ??= this.#fetchNow().finally(() => (this.#underWay = null));
    await this.#underWay;
  }

  async #fetchNow(): Promise<void> {
    this.#triedAtMs = this.clock.now();
    try {
      const text = await this.fetchText(this.rule.jwksUri ?? (await this.#discover()));
      this.#keys = parseKeySet(text);
      this.#fetchedAtMs = this.clock.now();
      this.#failure = null;
    } catch (thrown) {
      const cause = thrown instanceof Error ? thrown : new Error(String(thrown));
      const message = `the keys of ${this.rule.issuer} cannot be had: ${cause.message}`;
      this.#failure = new KeysUnavailableError(message, { cause });
    }
  }

  /** OpenID Connect Discovery 1.0 section 4. */
  async #discover(): Promise<string> {
    const { issuer } = this.rule;
    const url = `${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`;
    const document = JSON.parse(await this.fetchText(url)) as { issuer?: unknown; jwks_uri?: unknown };
    if (document.issuer !== issuer) throw new TypeError(`${url} is about another issuer`);
    const { jwks_uri: uri } = document;
    if (typeof uri !== 'string' || !uri.startsWith('https://'))
      throw new TypeError(`${url} names no https:// jwks_uri`);
    return uri;
  }
}

function parseKeySet(text: string): KeySet {
  const value = JSON.parse(text) as { keys?: unknown };
  if (!Array.isArray(value.keys)) throw new TypeError('they are no JSON Web Key Set');
  return createLocalJWKSet(value as JSONWebKeySet);
}
