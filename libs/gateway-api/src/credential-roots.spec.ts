import fc from 'fast-check';
import { TestAuthority } from '@weft/testing-certificates';
import { readCredentialRoots } from './credential-roots.js';

describe('roots of a Secret', () => {
  it('are under cacert or ca.crt, the first of them', async () => {
    const [one, two] = [(await TestAuthority.create()).rootsPem, (await TestAuthority.create()).rootsPem];
    expect(readCredentialRoots({ 'ca.crt': one })).toEqual({ roots: one, crl: null, fault: null });
    expect(readCredentialRoots({ cacert: two, 'ca.crt': one }).roots).toBe(two);
  });

  it('come with a list of certificates that were taken back', async () => {
    const authority = await TestAuthority.create();
    const crl = authority.crl({ serials: ['0a'] });
    expect(readCredentialRoots({ 'ca.crt': authority.rootsPem, 'ca.crl': crl })).toMatchObject({ crl, fault: null });
  });

  it.each([
    [{}, 'has no roots; write them as ca.crt, in PEM'],
    [{ cacert: 'x' }, 'cacert has no certificates in PEM that can be read; correct it'],
  ])('%j: none, and says what to correct', (data, fault) => {
    expect(readCredentialRoots(data as Record<string, string>)).toEqual({ roots: null, crl: null, fault });
  });

  it('with a list that cannot be read count as none: nobody may get past it', async () => {
    const { rootsPem } = await TestAuthority.create();
    expect(readCredentialRoots({ 'ca.crt': rootsPem, 'ca.crl': 'x' })).toEqual({
      roots: null,
      crl: null,
      fault: 'ca.crl is not a revocation list in PEM; correct it',
    });
  });

  it('never throws', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.constantFrom('cacert', 'ca.crt', 'crl', 'ca.crl'), fc.string()), (data) => {
        const { roots, fault } = readCredentialRoots(data);
        expect(roots === null).toBe(fault !== null);
      }),
    );
  });
});
