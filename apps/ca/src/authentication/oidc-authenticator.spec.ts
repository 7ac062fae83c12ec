import fc from 'fast-check';
import { exportJWK, generateKeyPair, SignJWT, type CryptoKey, type JWK } from 'jose';
import { FakeClock } from '@weft/testing-fixtures';
import { KeysUnavailableError } from './https-fetch.js';
import { OidcAuthenticator } from './oidc-authenticator.js';
import { parseOidcRules } from './oidc-rule.js';

const ISSUER = 'https://issuer.example';
const KEYS = 'https://issuer.example/keys';
const MINUTE = 60_000;

/** An issuer that can turn its keys, be away, and count who asks. */
class Issuer {
  readonly clock = new FakeClock();
  fetches: string[] = [];
  away = false;
  keys: JWK[] = [];
  discovery: object = { issuer: ISSUER, jwks_uri: KEYS };
  #private!: CryptoKey;
  #kid = 0;

  async turn(): Promise<void> {
    const { publicKey, privateKey } = await generateKeyPair('ES256', { extractable: true });
    this.#private = privateKey;
    this.keys = [{ ...(await exportJWK(publicKey)), kid: String(++this.#kid), alg: 'ES256' }];
  }

  token(claims: Record<string, unknown> = {}, headers: object = {}): Promise<string> {
    const seconds = this.clock.now() / 1000;
    const sub = 'system:serviceaccount:shop:web';
    const all = { iss: ISSUER, aud: 'istio-ca', sub, iat: seconds, exp: seconds + 3600, ...claims };
    return new SignJWT(all)
      .setProtectedHeader({ alg: 'ES256', kid: String(this.#kid), ...headers })
      .sign(this.#private);
  }

  authenticator(rule: object = { issuer: ISSUER, audiences: ['istio-ca'], jwksUri: KEYS }): OidcAuthenticator {
    const rules = parseOidcRules(JSON.stringify(rule));
    if (!rules.ok) throw new Error(rules.error);
    const fetchText = (url: string): Promise<string> => {
      this.fetches.push(url);
      if (this.away) return Promise.reject(new KeysUnavailableError('connection refused'));
      return Promise.resolve(JSON.stringify(url === KEYS ? { keys: this.keys } : this.discovery));
    };
    return new OidcAuthenticator(rules.value, { fetchText, clock: this.clock });
  }
}

let issuer: Issuer;
const judge = (authenticator: OidcAuthenticator, token: string) => authenticator.judge({ token, certificateChain: [] });
beforeEach(async () => {
  issuer = new Issuer();
  await issuer.turn();
});

const WEB = { kind: 'caller', caller: { namespace: 'shop', serviceAccount: 'web', by: 'oidc' } };

it('a good token of the issuer is a caller, and its keys are fetched once', async () => {
  const authenticator = issuer.authenticator();
  for (let i = 0; i < 3; i++) expect(await judge(authenticator, await issuer.token())).toEqual(WEB);
  expect(issuer.fetches).toEqual([KEYS]);
});

it.each<[string, Record<string, unknown>, string]>([
  ['that has expired', { exp: 1 }, '"exp" claim timestamp check failed'],
  ['without an end', { exp: undefined }, 'missing required "exp" claim'],
  ['that is not valid yet', { nbf: 4e9 }, '"nbf" claim timestamp check failed'],
  ['for another audience', { aud: 'vault' }, 'unexpected "aud" claim value'],
  ['for no audience', { aud: undefined }, 'missing required "aud" claim'],
  ['without a subject', { sub: undefined }, 'missing required "sub" claim'],
  ['whose subject is a user', { sub: 'alice' }, 'subject "alice" of https://issuer.example is not a service account'],
  ['whose subject has a segment more', { sub: 'system:serviceaccount:shop:web:x' }, 'subject "system:serviceaccount:shop:web:x" of https://issuer.example is not a service account'],
  ['whose subject climbs up', { sub: 'system:serviceaccount:shop:../x' }, 'subject "system:serviceaccount:shop:../x" of https://issuer.example is not a service account'],
])('a token %s is refused', async (_which, claims, detail) => {
  expect(await judge(issuer.authenticator(), await issuer.token(claims))).toEqual({ kind: 'refused', detail });
}); // prettier-ignore

it('a clock that is up to 30 s off is forgiven, both ways', async () => {
  const authenticator = issuer.authenticator();
  const now = issuer.clock.now() / 1000;
  const kinds = await Promise.all(
    [{ exp: now - 29 }, { exp: now - 31 }, { nbf: now + 29 }, { nbf: now + 31 }].map(
      async (claims) => (await judge(authenticator, await issuer.token(claims))).kind,
    ),
  );
  expect(kinds).toEqual(['caller', 'refused', 'caller', 'refused']);
});

it('a token of an issuer that is not named is not judged, and no keys are fetched for it', async () => {
  const token = await issuer.token({ iss: 'https://evil.example' });
  expect(await judge(issuer.authenticator(), token)).toEqual({ kind: 'absent' });
  expect(issuer.fetches).toEqual([]);
});

it('a token that was signed by another key is refused', async () => {
  const authenticator = issuer.authenticator();
  const stranger = new Issuer();
  await stranger.turn();
  const forged = await stranger.token({ exp: issuer.clock.now() / 1000 + 60 });
  expect(await judge(authenticator, forged)).toMatchObject({
    kind: 'refused',
    detail: 'signature verification failed',
  });
});

it.each(['none', 'HS256'])('a token with algorithm %s is refused', async (alg) => {
  const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');
  const claims = { iss: ISSUER, aud: 'istio-ca', sub: 'system:serviceaccount:shop:web', exp: 4e9 };
  const token = `${part({ alg, kid: '1' })}.${part(claims)}.${alg === 'none' ? '' : 'AAAA'}`;
  expect((await judge(issuer.authenticator(), token)).kind).toBe('refused');
});

it('new keys are taken up at once, but made-up key ids do not become requests to the issuer', async () => {
  const authenticator = issuer.authenticator();
  await judge(authenticator, await issuer.token());
  await issuer.clock.advance(11_000);
  await issuer.turn();
  expect(await judge(authenticator, await issuer.token())).toEqual(WEB);
  for (let i = 0; i < 20; i++)
    expect((await judge(authenticator, await issuer.token({}, { kid: `x${i}` }))).kind).toBe('refused');
  expect(issuer.fetches).toHaveLength(2);
});

it('without its issuer the last keys are good for 15 minutes, and then nobody is let in', async () => {
  const authenticator = issuer.authenticator();
  const token = await issuer.token();
  await judge(authenticator, token);
  issuer.away = true;
  await issuer.clock.advance(14 * MINUTE);
  expect(await judge(authenticator, token)).toEqual(WEB);
  await issuer.clock.advance(2 * MINUTE);
  expect(await judge(authenticator, token)).toEqual({
    kind: 'unavailable',
    detail: 'the keys of https://issuer.example cannot be had: connection refused',
  });
  issuer.away = false;
  await issuer.clock.advance(MINUTE);
  expect(await judge(authenticator, token)).toEqual(WEB);
});

it('keys that were withdrawn are forgotten with the next fetch', async () => {
  const authenticator = issuer.authenticator();
  const token = await issuer.token();
  await judge(authenticator, token);
  await issuer.turn();
  await issuer.clock.advance(6 * MINUTE);
  expect((await judge(authenticator, token)).kind).toBe('refused');
});

describe('without jwksUri', () => {
  it('the discovery document says where the keys are', async () => {
    const authenticator = issuer.authenticator({ issuer: ISSUER, audiences: ['istio-ca'] });
    expect(await judge(authenticator, await issuer.token())).toEqual(WEB);
    expect(issuer.fetches).toEqual([`${ISSUER}/.well-known/openid-configuration`, KEYS]);
  });

  it.each([
    ['is about another issuer', { issuer: 'https://evil.example', jwks_uri: KEYS }],
    ['names keys without TLS', { issuer: ISSUER, jwks_uri: 'http://issuer.example/keys' }],
  ])('a document that %s lets nobody in', async (_what, discovery) => {
    issuer.discovery = discovery;
    const authenticator = issuer.authenticator({ issuer: ISSUER, audiences: ['istio-ca'] });
    expect((await judge(authenticator, await issuer.token())).kind).toBe('unavailable');
  });
});

it('never throws, whatever the token', async () => {
  const authenticator = issuer.authenticator();
  const good = await issuer.token();
  const damaged = fc.tuple(fc.nat(good.length - 1), fc.string({ maxLength: 2 })).map(([at, put]) => good.slice(0, at) + put + good.slice(at + 1));
  await fc.assert(
    fc.asyncProperty(fc.oneof(fc.string(), damaged), async (token) => {
      fc.pre(token !== good);
      const verdict = await judge(authenticator, token);
      if (verdict.kind === 'caller') expect(token.split('.').slice(0, 2)).toEqual(good.split('.').slice(0, 2));
    }),
  );
}); // prettier-ignore

describe('JWT_RULE', () => {
  it.each([
    ['{', 'is not JSON'],
    ['7', 'want an object with issuer and audiences'],
    ['{"audiences":["a"]}', 'issuer is missing'],
    ['{"issuer":"https://i"}', 'audiences of https://i: want a list of at least one audience'],
    ['{"issuer":"https://i","audiences":["a"],"jwksUri":"http://i/keys"}', 'jwksUri of https://i: want an https:// address'],
    ['{"issuer":"i","audiences":["a"]}', 'issuer i: without jwksUri and jwks it must be an https:// address'],
    ['{"issuer":"https://i","audiences":["a"],"jwks":"x"}', 'jwks of https://i: is not JSON'],
    ['{"issuer":"https://i","audiences":["a"],"typo":1}', 'field typo is not known'],
    ['[{"issuer":"https://i","audiences":["a"]},{"issuer":"https://i","audiences":["b"]}]', 'issuer https://i is there twice'],
  ])('%s is refused with the reason', (text, why) => {
    const parsed = parseOidcRules(text);
    expect(parsed.ok ? '' : parsed.error).toContain(why);
  }); // prettier-ignore
});
