import fc from 'fast-check';
import { pullCredentials } from './pull-credentials.js';

const config = (auths: object): string => JSON.stringify({ auths });

describe('credentials of a pull Secret', () => {
  it('are those of the registry, as `auth` or by name and password', () => {
    const secret = config({
      'ghcr.io': { auth: 'Z2g=' },
      'https://index.docker.io/v1/': { username: 'a', password: 'b:c' },
      'localhost:5000': {},
    });
    expect(pullCredentials(secret, 'ghcr.io')).toBe('Z2g=');
    expect(pullCredentials(secret, 'registry-1.docker.io')).toBe(Buffer.from('a:b:c').toString('base64'));
    expect(pullCredentials(secret, 'localhost:5000')).toBeNull();
    expect(pullCredentials(secret, 'evil-ghcr.io')).toBeNull();
    expect(pullCredentials(secret, 'ghcr.io:444')).toBeNull();
  });

  it('are none where the Secret is none', () => {
    fc.assert(fc.property(fc.string(), (text) => expect(pullCredentials(text, 'ghcr.io')).toBeNull()));
    fc.assert(
      fc.property(fc.json(), (json) => {
        const found = pullCredentials(`{"auths": ${json}}`, 'ghcr.io');
        expect(found === null || typeof found === 'string').toBe(true);
      }),
    );
  });
});
