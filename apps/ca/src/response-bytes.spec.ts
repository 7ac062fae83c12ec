import fc from 'fast-check';
import { IstioCertificateResponse } from '@weft/xds/gen/mesh/ca/ca.js';
import { responseBytes } from './response-bytes.js';

it('an answer is encoded as the generated code does it', () => {
  const text = fc.oneof(fc.string({ unit: 'grapheme' }), fc.nat(40_000).map((length) => 'x'.repeat(length))); // prettier-ignore
  fc.assert(
    fc.property(fc.array(text, { maxLength: 4 }), (certChain) => {
      const want = IstioCertificateResponse.encode(IstioCertificateResponse.fromPartial({ certChain })).finish();
      expect(responseBytes(certChain).equals(want)).toBe(true);
    }),
  );
});
