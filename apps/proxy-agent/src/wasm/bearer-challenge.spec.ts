import fc from 'fast-check';
import { parseChallenge } from './bearer-challenge.js';

describe('what a registry asks for', () => {
  it.each([
    [
      'Bearer realm="https://auth.docker.io/token",service="registry.docker.io",scope="repository:a/b:pull,push"',
      'bearer',
      { realm: 'https://auth.docker.io/token', service: 'registry.docker.io', scope: 'repository:a/b:pull,push' },
    ],
    ['bearer REALM = https://x/y', 'bearer', { realm: 'https://x/y' }],
    ['Negotiate, Basic realm="a \\"b\\""', 'basic', { realm: 'a "b"' }],
    ['Basic', 'basic', {}],
  ])('%s', (header, scheme, parameters) => expect(parseChallenge(header)).toEqual({ scheme, parameters }));

  it('is nothing that can be met', () => {
    expect(parseChallenge('')).toBeNull();
    expect(parseChallenge('Negotiate abc')).toBeNull();
  });

  it('is read whatever is in the quotes, and never fails', () => {
    fc.assert(
      fc.property(fc.string(), (realm) => {
        const quoted = realm.replace(/["\\]/g, '\\$&');
        expect(parseChallenge(`Bearer realm="${quoted}", service=x`)?.parameters).toEqual({ realm, service: 'x' });
      }),
    );
    fc.assert(fc.property(fc.string(), (text) => void parseChallenge(`Bearer ${text}`)));
  });
});
