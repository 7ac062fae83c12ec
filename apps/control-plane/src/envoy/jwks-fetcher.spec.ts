import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Graph } from '@weft/collections';
import type { JwksSource } from '@weft/envoy-config';
import { FakeClock, until } from '@weft/testing-fixtures';
import { JwksFetcher } from './jwks-fetcher.js';

const KEYS = '{"keys":[]}';

const from = (url: string, timeoutMs = 5000): JwksSource => ({ url, timeoutMs });

async function setUp(answer: ((url: string) => string) | null) {
  const graph = new Graph(({ thrown }) => {
    throw thrown as Error;
  });
  const wanted = graph.source<JwksSource>('wanted');
  const jwks = graph.source<string>('jwks');
  const clock = new FakeClock();
  const asked: string[] = [];
  const results: string[] = [];
  let changes = 0;
  const fetcher = new JwksFetcher({
    wanted,
    jwks,
    clock,
    log: { info: () => undefined, warn: () => undefined },
    onChanged: () => changes++,
    ...(answer === null
      ? {}
      : {
          get: (url: string) => {
            asked.push(url);
            return new Promise<string>((resolve) => resolve(answer(url)));
          },
        }),
    onFetch: (result) => results.push(result),
  });
  await fetcher.start();
  return { wanted, jwks, clock, asked, results, fetcher, changes: () => changes };
}

describe('the keys of token issuers', () => {
  it('are fetched when they are needed, refreshed, and forgotten', async () => {
    const { wanted, jwks, clock, asked, changes } = await setUp(() => KEYS);
    wanted.set('https://a/keys', from('https://a/keys'));
    await until(() => jwks.get('https://a/keys') === KEYS, 'the keys are there');
    await clock.advance(20 * 60_000);
    await until(() => asked.length === 2, 'they are refreshed');
    expect(changes()).toBe(1);
    wanted.delete('https://a/keys');
    expect(jwks.get('https://a/keys')).toBeUndefined();
  });

  it('are found by the discovery document of the issuer', async () => {
    const { wanted, jwks } = await setUp((url) => (url.endsWith('/keys') ? KEYS : '{"jwks_uri":"https://a/keys"}'));
    wanted.set('https://a/.well-known/openid-configuration', from('https://a/.well-known/openid-configuration'));
    await until(() => jwks.get('https://a/.well-known/openid-configuration') === KEYS, 'the keys are there');
  });

  it('that were had stay in use while the issuer is away; what is no set of keys counts as no answer', async () => {
    let text = KEYS;
    const { wanted, jwks, clock, asked } = await setUp(() => text);
    wanted.set('https://a/keys', from('https://a/keys'));
    await until(() => jwks.size === 1, 'the keys are there');
    text = '<html>';
    await clock.advance(20 * 60_000);
    await until(() => asked.length === 2, 'they are refreshed');
    await clock.advance(60_000);
    await until(() => asked.length === 3, 'it is tried again after a minute');
    expect(jwks.get('https://a/keys')).toBe(KEYS);
  });

  it('that the issuer has changed are taken up at the next refresh', async () => {
    let text = KEYS;
    const { wanted, jwks, clock, changes } = await setUp(() => text);
    wanted.set('https://a/keys', from('https://a/keys'));
    await until(() => jwks.size === 1, 'the keys are there');
    text = '{"keys":[{"kty":"oct","k":"AA"}]}';
    await clock.advance(20 * 60_000);
    await until(() => jwks.get('https://a/keys') === text, 'the new keys are there');
    expect(changes()).toBe(2);
  });

  it('are waited for as long as `timeout` of the rule says, and asked for again', async () => {
    const held: (() => void)[] = [];
    const server = createServer((_request, response) => void held.push(() => response.end(KEYS)));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/keys`;
    const { wanted, jwks, clock, results, fetcher } = await setUp(null);
    try {
      wanted.set(url, from(url, 100));
      await until(() => results.length === 1, 'the attempt has ended');
      expect(results).toEqual(['failure']);
      expect(jwks.get(url)).toBeUndefined();
      wanted.set(url, from(url, 60_000));
      await clock.advance(1000);
      await until(() => held.length === 2, 'it is asked again');
      held[1]!();
      await until(() => jwks.get(url) === KEYS, 'the keys are there');
    } finally {
      await fetcher.stop();
      server.closeAllConnections();
      server.close();
    }
  });
});
