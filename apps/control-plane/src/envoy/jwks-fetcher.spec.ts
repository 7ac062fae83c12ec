import { Graph } from '@weft/collections';
import { FakeClock, until } from '@weft/testing-fixtures';
import { JwksFetcher } from './jwks-fetcher.js';

const KEYS = '{"keys":[]}';

async function setUp(answer: (url: string) => string) {
  const graph = new Graph(({ thrown }) => {
    throw thrown as Error;
  });
  const wanted = graph.source<string>('wanted');
  const jwks = graph.source<string>('jwks');
  const clock = new FakeClock();
  const asked: string[] = [];
  let changes = 0;
  const fetcher = new JwksFetcher({
    wanted,
    jwks,
    clock,
    log: { info: () => undefined, warn: () => undefined },
    onChanged: () => changes++,
    get: (url) => {
      asked.push(url);
      return new Promise((resolve) => resolve(answer(url)));
    },
  });
  await fetcher.start();
  return { wanted, jwks, clock, asked, fetcher, changes: () => changes };
}

describe('the keys of token issuers', () => {
  it('are fetched when they are needed, refreshed, and forgotten', async () => {
    const { wanted, jwks, clock, asked, changes } = await setUp(() => KEYS);
    wanted.set('https://a/keys', 'https://a/keys');
    await until(() => jwks.get('https://a/keys') === KEYS, 'the keys are there');
    await clock.advance(20 * 60_000);
    await until(() => asked.length === 2, 'they are refreshed');
    expect(changes()).toBe(1);
    wanted.delete('https://a/keys');
    expect(jwks.get('https://a/keys')).toBeUndefined();
  });

  it('are found by the discovery document of the issuer', async () => {
    const { wanted, jwks } = await setUp((url) => (url.endsWith('/keys') ? KEYS : '{"jwks_uri":"https://a/keys"}'));
    wanted.set('https://a/.well-known/openid-configuration', '');
    await until(() => jwks.get('https://a/.well-known/openid-configuration') === KEYS, 'the keys are there');
  });

  it('that were had stay in use while the issuer is away; what is no set of keys counts as no answer', async () => {
    let text = KEYS;
    const { wanted, jwks, clock, asked } = await setUp(() => text);
    wanted.set('https://a/keys', '');
    await until(() => jwks.size === 1, 'the keys are there');
    text = '<html>';
    await clock.advance(20 * 60_000);
    await until(() => asked.length === 2, 'they are refreshed');
    await clock.advance(60_000);
    await until(() => asked.length === 3, 'it is tried again after a minute');
    expect(jwks.get('https://a/keys')).toBe(KEYS);
  });
});
