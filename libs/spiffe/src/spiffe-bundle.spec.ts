import fc from 'fast-check';
import { createRoot, formatSpiffeBundle, parseSpiffeBundle, parseTrustBundle, type AuthorityKeyType } from './index.js';

const HOUR = 3_600_000;
const root = async (keyType: AuthorityKeyType = 'ecdsa-p256'): Promise<string> =>
  (await createRoot({ trustDomain: 'cluster.local', keyType, ttlMs: HOUR, now: Date.now() })).rootsPem;

it('a bundle of any authority keys reads back the same, with sequence and refresh hint', async () => {
  const pem = (await root()) + (await root('ecdsa-p384')) + (await root('rsa-2048'));
  const text = formatSpiffeBundle(pem, { sequence: 7, refreshHintSeconds: 300 });
  if (!text.ok) throw text.error;
  const parsed = parseSpiffeBundle(text.value);
  if (!parsed.ok) throw parsed.error;
  const want = parseTrustBundle(pem);
  expect(parsed.value).toMatchObject({ sequence: 7, refreshHintSeconds: 300 });
  expect(parsed.value.roots.pem).toBe(want.ok && want.value.pem);
  const { keys } = JSON.parse(text.value) as { keys: { use: string; x5c: string[]; kty: string }[] };
  expect(keys.map(({ use, kty, x5c }) => [use, kty, x5c.length])).toEqual([
    ['x509-svid', 'EC', 1],
    ['x509-svid', 'EC', 1],
    ['x509-svid', 'RSA', 1],
  ]);
});

describe('a SPIFFE bundle', () => {
  const change = async (edit: (keys: Record<string, unknown>[]) => unknown): Promise<ReturnType<typeof parseSpiffeBundle>> => {
    const text = formatSpiffeBundle(await root(), { sequence: 1, refreshHintSeconds: 1 });
    if (!text.ok) throw text.error;
    return parseSpiffeBundle(JSON.stringify(edit((JSON.parse(text.value) as { keys: Record<string, unknown>[] }).keys)));
  }; // prettier-ignore

  it('may have keys of other uses, which do not count', async () => {
    const parsed = await change((keys) => ({ keys: [...keys, { use: 'jwt-svid', kty: 'EC' }, { kty: 'EC' }] }));
    expect(parsed).toMatchObject({ ok: true, value: { sequence: null, refreshHintSeconds: null } });
  });
  it.each<[string, (keys: Record<string, unknown>[]) => unknown, string]>([
    ['no keys', () => ({}), 'it has no list of keys'],
    ['a list', () => [], 'it has no list of keys'],
    ['null', () => null, 'it has no list of keys'],
    ['only keys of other uses', () => ({ keys: [{ use: 'jwt-svid' }] }), 'it holds no PEM certificate'],
    ['a key that is none', () => ({ keys: [7] }), 'a key is not an object'],
    ['a root without a certificate', ([key]) => ({ keys: [{ ...key, x5c: [] }] }), 'x5c of a root is not exactly one certificate'],
    ['a root with two', ([key]) => ({ keys: [{ ...key, x5c: ['a', 'b'] }] }), 'x5c of a root is not exactly one certificate'],
    ['a root that cannot be read', ([key]) => ({ keys: [{ ...key, x5c: ['AAAA'] }] }), 'SPIFFE bundle refused: '],
  ])('with %s is refused', async (_what, edit, message) => {
    const parsed = await change(edit);
    expect(parsed.ok ? '' : parsed.error.message).toContain(message);
  }); // prettier-ignore
  it('of any text never throws', () => {
    fc.assert(fc.property(fc.oneof(fc.string(), fc.json()), (text) => expect(parseSpiffeBundle(text).ok).toBe(false)));
  });
});
