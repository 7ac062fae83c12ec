import fc from 'fast-check';
import { withTrustDomainAliases } from './trust-domain-aliases.js';

const MESH = ['new.example', 'old.example'];

describe('withTrustDomainAliases', () => {
  it.each<[string, readonly string[], string, readonly string[]]>([
    [
      'a name of the mesh stands for all of them',
      MESH,
      'old.example/ns/shop/sa/web',
      ['new.example/ns/shop/sa/web', 'old.example/ns/shop/sa/web'],
    ],
    [
      'cluster.local means the own names',
      MESH,
      'cluster.local/ns/shop/sa/web',
      ['new.example/ns/shop/sa/web', 'old.example/ns/shop/sa/web'],
    ],
    ['a foreign name stays alone', MESH, 'other.example/ns/shop/sa/web', ['other.example/ns/shop/sa/web']],
    [
      'a pattern behind the name is kept',
      MESH,
      'old.example/ns/shop/*',
      ['new.example/ns/shop/*', 'old.example/ns/shop/*'],
    ],
    ['a pattern that covers all names is kept once', MESH, '*.example/ns/shop/sa/web', ['*.example/ns/shop/sa/web']],
    [
      'a pattern that covers one is kept for it',
      ['new.corp', 'old.example'],
      '*.example/ns/a/sa/b',
      ['new.corp/ns/a/sa/b', '*.example/ns/a/sa/b'],
    ],
    ['everybody', MESH, '*', ['*']],
    ['any trust domain', MESH, '*/ns/shop/sa/web', ['*/ns/shop/sa/web']],
    ['a suffix that names no trust domain', MESH, '*sa/web', ['*sa/web']],
    ['cluster.local without aliases, too', ['old.example'], 'cluster.local/ns/a/sa/b', ['old.example/ns/a/sa/b']],
    ['no name known', [], 'cluster.local/ns/a/sa/b', ['cluster.local/ns/a/sa/b']],
  ])('%s', (_, trustDomains, principal, expected) => {
    expect(withTrustDomainAliases([principal], trustDomains)).toEqual(expected);
  });

  it('who matches under one name matches under every name of the mesh, and nobody else does', () => {
    const name = fc.constantFrom('new.example', 'old.example', 'cluster.local', 'evil.example');
    const rest = fc.constantFrom('/ns/a/sa/b', '/ns/a/sa/c', '/ns/d/sa/b');
    fc.assert(
      fc.property(fc.array(fc.tuple(name, rest), { maxLength: 5 }), name, rest, (written, peer, path) => {
        const expanded = withTrustDomainAliases(
          written.map((parts) => parts.join('')),
          MESH,
        );
        const own = (domain: string): boolean => MESH.includes(domain);
        const expected = written.some(
          ([domain, of]) =>
            of === path && (domain === peer || (own(peer) && (own(domain) || domain === 'cluster.local'))),
        );
        // cluster.local is only a word for the own names here.
        const matches = expanded.includes(peer + path);
        expect(matches).toBe(peer === 'cluster.local' ? false : expected);
      }),
    );
  });
});
