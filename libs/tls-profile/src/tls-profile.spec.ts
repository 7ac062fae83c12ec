import { TLS_PROFILES, tlsProfileOf } from './tls-profile.js';

describe('tlsProfileOf', () => {
  it.each([
    ['', 'default'],
    ['pqc', 'pqc'],
    ['fips-140-2', 'fips'],
    ['fips-140-3', 'fips'],
  ])('COMPLIANCE_POLICY %j is profile %s', (policy, name) => {
    expect(tlsProfileOf(policy)).toMatchObject({ ok: true, value: { name } });
  });

  it('refuses another one and says what may stand there', () => {
    expect(tlsProfileOf('none')).toEqual({
      ok: false,
      error: 'want one of pqc, fips-140-2, fips-140-3, or leave it unset',
    });
  });
});

it.each(Object.values(TLS_PROFILES))('profile $name names only suites with AES-GCM and forward secrecy', (profile) => {
  for (const suite of profile.tls13Suites) expect(suite).toMatch(/^TLS_AES_(128|256)_GCM_SHA(256|384)$/);
  for (const suite of profile.tls12Suites) expect(suite).toMatch(/^ECDHE-(ECDSA|RSA)-AES(128|256)-GCM-SHA(256|384)$/);
});
