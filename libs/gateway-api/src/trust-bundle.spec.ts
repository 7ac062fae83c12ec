import { rootCertificates } from 'node:tls';
import fc from 'fast-check';
import { readTrustBundle } from './trust-bundle.js';

describe('roots that a ConfigMap has', () => {
  const [certificate = ''] = rootCertificates;

  it('are read from ca.crt, however many', () => {
    const pem = `${certificate}\n# the next\n${certificate}`;
    expect(readTrustBundle({ 'ca.crt': pem })).toEqual({ pem, fault: null });
  });

  it.each([
    [{}, 'has no key ca.crt; write the roots there, in PEM'],
    [{ 'ca.crt': '' }, 'ca.crt has no certificates in PEM that can be read; correct it'],
    [
      { 'ca.crt': `${certificate}-----BEGIN CERTIFICATE-----\nMAAA\n-----END CERTIFICATE-----` },
      'ca.crt has no certificates in PEM that can be read; correct it',
    ],
  ])('are not used when one cannot be read: %#', (data, fault) => {
    expect(readTrustBundle(data)).toEqual({ pem: null, fault });
  });

  it('whatever the text is, reading does not throw', () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        expect(
          readTrustBundle({ 'ca.crt': `-----BEGIN CERTIFICATE-----${text}-----END CERTIFICATE-----` }).pem,
        ).toBeNull();
      }),
    );
  });
});
