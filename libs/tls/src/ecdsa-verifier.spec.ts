import { generateKeyPairSync, sign, type KeyObject } from 'node:crypto';
import fc from 'fast-check';
import { EcdsaVerifier, type EcdsaCurve, type EcdsaDigest, type EcdsaSignature } from './ecdsa-verifier.js';

const verifier = EcdsaVerifier.create()!;

function pointOf(key: KeyObject): Buffer {
  const { x = '', y = '' } = key.export({ format: 'jwk' });
  return Buffer.concat([Buffer.of(4), Buffer.from(x, 'base64url'), Buffer.from(y, 'base64url')]);
}

const keys = {
  'P-256': generateKeyPairSync('ec', { namedCurve: 'P-256' }),
  'P-384': generateKeyPairSync('ec', { namedCurve: 'P-384' }),
};
function signatureOf(curve: EcdsaCurve, digest: EcdsaDigest, signed: Uint8Array): EcdsaSignature {
  const { publicKey, privateKey } = keys[curve];
  return { curve, point: pointOf(publicKey), digest, signed, signature: sign(digest, signed, privateKey) };
}

const CURVES = ['P-256', 'P-384'] as const;
const DIGESTS = ['sha256', 'sha384', 'sha512'] as const;

describe.each(CURVES)('%s', (curve) => {
  it.each(DIGESTS)('a signature of node:crypto with %s is good, and of other bytes, of another digest, of another key bad', (digest) => {
    const good = signatureOf(curve, digest, Buffer.from('request'));
    const other = pointOf(generateKeyPairSync('ec', { namedCurve: curve }).publicKey);
    expect(verifier.verify(good)).toBe('good');
    expect(verifier.verify({ ...good, signed: Buffer.from('Request') })).toBe('bad');
    expect(verifier.verify({ ...good, digest: digest === 'sha256' ? 'sha512' : 'sha256' })).toBe('bad');
    expect(verifier.verify({ ...good, point: other })).toBe('bad');
    expect(verifier.verify(good)).toBe('good');
  }); // prettier-ignore

  it.each<[string, (point: Buffer) => Buffer]>([
    ['beside the curve', (point) => Buffer.concat([point.subarray(0, -1), Buffer.of(point.at(-1)! ^ 1)])],
    ['with coordinates beyond the field', (point) => Buffer.concat([Buffer.of(4), Buffer.alloc(point.length - 1, 0xff)])],
    ['of zeros', (point) => Buffer.concat([Buffer.of(4), Buffer.alloc(point.length - 1)])],
    ['at infinity', () => Buffer.of(0)],
    ['in compressed form', (point) => Buffer.concat([Buffer.of(2 + (point.at(-1)! & 1)), point.subarray(1, 1 + (point.length - 1) / 2)])],
    ['in hybrid form', (point) => Buffer.concat([Buffer.of(6 + (point.at(-1)! & 1)), point.subarray(1)])],
    ['cut off', (point) => point.subarray(0, -1)],
    ['of the other curve', () => pointOf(keys[curve === 'P-256' ? 'P-384' : 'P-256'].publicKey)],
    ['that is empty', () => Buffer.alloc(0)],
  ])('a point %s is no key', (_what, spoil) => {
    const good = signatureOf(curve, 'sha256', Buffer.from('request'));
    expect(verifier.verify({ ...good, point: spoil(Buffer.from(good.point)) })).toBe('no-key');
    expect(verifier.verify(good)).toBe('good');
  }); // prettier-ignore

  it.each<[string, (signature: Buffer) => Buffer]>([
    ['empty', () => Buffer.alloc(0)],
    ['cut off', (signature) => signature.subarray(0, -1)],
    ['with bytes behind it', (signature) => Buffer.concat([signature, Buffer.of(0)])],
    ['of r = s = 0', () => Buffer.from('3006020100020100', 'hex')],
    ['not DER', (signature) => Buffer.concat([Buffer.of(0x31), signature.subarray(1)])],
    ['with a long length', (signature) => Buffer.concat([Buffer.of(0x30, 0x81), signature.subarray(1)])],
    ['too large', () => Buffer.alloc(5000, 0x30)],
  ])('a signature that is %s is bad', (_what, spoil) => {
    const good = signatureOf(curve, 'sha256', Buffer.from('request'));
    expect(verifier.verify({ ...good, signature: spoil(Buffer.from(good.signature)) })).toBe('bad');
    expect(verifier.verify(good)).toBe('good');
  }); // prettier-ignore
});

it('what is signed may have up to 16 kB', () => {
  expect(verifier.verify(signatureOf('P-256', 'sha256', Buffer.alloc(16_384, 1)))).toBe('good');
  expect(verifier.verify(signatureOf('P-256', 'sha256', Buffer.alloc(16_385, 1)))).toBe('bad');
  expect(verifier.verify(signatureOf('P-256', 'sha256', Buffer.alloc(0)))).toBe('good');
});

it('properties: one bit that is changed anywhere is noticed', () => {
  const good = signatureOf('P-256', 'sha256', Buffer.from('a request of some length'));
  const fields = ['point', 'signed', 'signature'] as const;
  fc.assert(
    fc.property(fc.constantFrom(...fields), fc.nat(), fc.nat(7), (field, at, bit) => {
      const bytes = Buffer.from(good[field]);
      bytes[at % bytes.length]! ^= 1 << bit;
      expect(verifier.verify({ ...good, [field]: bytes })).not.toBe('good');
    }),
  );
});
