import fc from 'fast-check';
import { checkCsr, createCsr, KEY_TYPES, pemOf, type KeyType } from '@weft/spiffe';
import { fastestProofCheck } from './proof-check.js';

const WEB = 'spiffe://cluster.local/ns/shop/sa/web';
const proves = fastestProofCheck();

const derOf = (pem: string): Buffer => Buffer.from(pem.replaceAll(/-----[^-]+-----|\s/g, ''), 'base64');
const judged = async (csr: string, by?: typeof proves): Promise<string> => {
  const checked = await checkCsr(csr, WEB, [], by);
  return checked.ok ? 'good' : checked.error.message;
};

it.each(KEY_TYPES)('a request with a %s key is good, and bad with the signature of another', async (type) => {
  const { csrPem } = await createCsr(WEB, type);
  expect(await judged(csrPem, proves)).toBe('good');
  const damaged = derOf(csrPem);
  damaged[damaged.length - 3]! ^= 1;
  expect(await judged(pemOf(damaged, 'CERTIFICATE REQUEST'), proves)).toBe(
    'CSR refused: its signature does not match its key',
  );
});

it.each<KeyType>(['ecdsa-p256', 'ecdsa-p384'])(
  'properties: of a damaged request with a %s key it says the same as node:crypto, word for word',
  async (type) => {
    const good = derOf((await createCsr(WEB, type)).csrPem);
    await fc.assert(
      fc.asyncProperty(fc.nat(good.length - 1), fc.integer({ min: 1, max: 255 }), async (index, flip) => {
        const bytes = Buffer.from(good);
        bytes[index]! ^= flip;
        const csr = pemOf(bytes, 'CERTIFICATE REQUEST');
        expect(await judged(csr, proves)).toBe(await judged(csr));
      }),
      { numRuns: 300 },
    );
  },
);

it('a point beside its curve is refused as node:crypto does', async () => {
  const bytes = derOf((await createCsr(WEB)).csrPem);
  // The point ends where the attributes begin; a change of its last byte leaves the curve.
  const point = bytes.indexOf(Buffer.from('034200', 'hex')) + 3;
  bytes[point + 64]! ^= 1;
  const csr = pemOf(bytes, 'CERTIFICATE REQUEST');
  expect(await judged(csr, proves)).toBe('CSR refused: not a PKCS#10 request with a supported key');
  expect(await judged(csr)).toBe('CSR refused: not a PKCS#10 request with a supported key');
});
