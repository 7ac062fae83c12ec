import { X509Certificate } from 'node:crypto';
import { Metadata, status } from '@grpc/grpc-js';
import type { TokenVerdict } from '@weft/kube';
import { FakeClock } from '@weft/testing-fixtures';
import { CallerAuthenticator } from './caller-authenticator.js';
import { mayDebug } from '../debug/debug-access.js';
import { TestAuthority } from '../testing/test-authority.js';

const ZTUNNEL: TokenVerdict = {
  authenticated: true,
  username: 'system:serviceaccount:istio-system:ztunnel',
  uid: '',
  groups: [],
  extra: {},
  audiences: ['istio-ca'],
};
const tokenThatExpiresIn = (clock: FakeClock, seconds: number): string =>
  `h.${Buffer.from(JSON.stringify({ exp: clock.now() / 1000 + seconds })).toString('base64url')}.s`;

describe('a caller', () => {
  const setUp = () => {
    const clock = new FakeClock();
    const reviews: string[] = [];
    const api: { verdict: TokenVerdict | Error } = { verdict: ZTUNNEL };
    const authenticator = new CallerAuthenticator({
      reviewToken: (token) => {
        reviews.push(token);
        return api.verdict instanceof Error ? Promise.reject(api.verdict) : Promise.resolve(api.verdict);
      },
      audience: 'istio-ca',
      trustDomains: () => ['cluster.local', 'old.local'],
      clock,
      log: { warn: () => undefined },
    });
    const ask = async (authorization?: string): Promise<string> => {
      const metadata = new Metadata();
      if (authorization !== undefined) metadata.set('authorization', authorization);
      const answer = await authenticator.authenticate(metadata);
      return answer.ok ? answer.value.name : status[answer.error.code];
    };
    return { clock, reviews, api, ask, token: tokenThatExpiresIn(clock, 3600) };
  };

  it.each([undefined, '', 'Bearer', 'Basic x', `Bearer ${'x'.repeat(20_000)}`])(
    'without a bearer token is refused unasked: %s',
    async (authorization) => {
      const { ask, reviews } = setUp();
      expect([await ask(authorization), reviews]).toEqual(['UNAUTHENTICATED', []]);
    },
  );

  it('with a token that the API server does not know is refused, and asked for again next time', async () => {
    const { ask, api, reviews } = setUp();
    api.verdict = { authenticated: false, error: 'no' };
    expect([await ask('Bearer t'), await ask('Bearer t'), reviews.length]).toEqual([
      'UNAUTHENTICATED',
      'UNAUTHENTICATED',
      2,
    ]);
  });

  it('that is no service account is refused', async () => {
    const { ask, api } = setUp();
    api.verdict = { ...ZTUNNEL, username: 'admin' };
    expect(await ask('Bearer t')).toBe('UNAUTHENTICATED');
  });

  it('is not reviewed again within 30 seconds', async () => {
    const { ask, clock, reviews, token } = setUp();
    await ask(`Bearer ${token}`);
    await clock.advance(29_999);
    expect([await ask(`Bearer ${token}`), reviews.length]).toEqual(['istio-system/ztunnel', 1]);
    await clock.advance(1);
    expect([await ask(`Bearer ${token}`), reviews.length]).toEqual(['istio-system/ztunnel', 2]);
  });

  it('that was good is good for 10 more minutes while the API server is away, and never after its token expired', async () => {
    const { ask, api, clock, token } = setUp();
    const short = tokenThatExpiresIn(clock, 60);
    await ask(`Bearer ${token}`);
    await ask(`Bearer ${short}`);
    api.verdict = new Error('away');
    await clock.advance(60_001);
    expect([await ask(`Bearer ${token}`), await ask(`Bearer ${short}`), await ask('Bearer new')]).toEqual([
      'istio-system/ztunnel',
      'UNAVAILABLE',
      'UNAVAILABLE',
    ]);
    await clock.advance(10 * 60_000);
    expect(await ask(`Bearer ${token}`)).toBe('UNAVAILABLE');
  });

  it('whose token was revoked is refused as soon as the API server says so', async () => {
    const { ask, api, clock, token } = setUp();
    await ask(`Bearer ${token}`);
    await clock.advance(30_000);
    api.verdict = { authenticated: false, error: 'deleted' };
    expect(await ask(`Bearer ${token}`)).toBe('UNAUTHENTICATED');
    api.verdict = new Error('away');
    expect(await ask(`Bearer ${token}`)).toBe('UNAVAILABLE');
  });
});

describe('a caller with a certificate', () => {
  const authenticator = new CallerAuthenticator({
    reviewToken: () => Promise.resolve({ authenticated: false, error: 'not valid' }),
    audience: 'istio-ca',
    trustDomains: () => ['cluster.local', 'old.local'],
    clock: new FakeClock(),
    log: { warn: () => undefined },
  });
  const ask = async (spiffeId: string, metadata = new Metadata()): Promise<string> => {
    const authority = await TestAuthority.create(Date.now());
    const { certPem } = await authority.issue(spiffeId);
    const answer = await authenticator.authenticate(metadata, new X509Certificate(certPem).raw);
    return answer.ok ? answer.value.name : status[answer.error.code];
  };

  it.each([
    ['spiffe://cluster.local/ns/shop/sa/web', 'shop/web'],
    ['spiffe://old.local/ns/shop/sa/web', 'shop/web'],
    ['spiffe://other.local/ns/shop/sa/web', 'UNAUTHENTICATED'],
  ])('%s is %s', async (spiffeId, expected) => {
    expect(await ask(spiffeId)).toBe(expected);
  });

  it('and a token that is not valid is refused: the token counts', async () => {
    const metadata = new Metadata();
    metadata.set('authorization', 'Bearer x');
    expect(await ask('spiffe://cluster.local/ns/shop/sa/web', metadata)).toBe('UNAUTHENTICATED');
  });
});

describe('debug pages', () => {
  const accountOf = (authorization: string | undefined) =>
    Promise.resolve(
      authorization === 'Bearer root' ? 'istio-system/weftctl' : authorization === 'Bearer app' ? 'shop/web' : null,
    );
  it.each([
    ['127.0.0.1', undefined, true],
    ['::ffff:127.0.0.1', undefined, true],
    ['::1', undefined, true],
    ['10.244.1.2', undefined, false],
    ['10.244.1.2', 'Bearer root', true],
    ['10.244.1.2', 'Bearer app', false],
    ['10.244.1.2', 'Bearer nobody', false],
    [undefined, undefined, false],
  ])('from %s with %s: %s', async (peerAddress, authorization, allowed) => {
    expect(await mayDebug({ peerAddress, authorization }, 'istio-system', accountOf)).toBe(allowed);
  });
});
