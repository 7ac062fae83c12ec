import fc from 'fast-check';
import { isUsableRegex, isUsableRewrite } from './usable-regex.js';

describe('expressions that Envoy takes', () => {
  it.each([
    ['a+', true],
    ['(?i)x', true],
    ['(', false],
    ['(?=a)', false],
    ['(a)\\1', false],
    ['((a{100}){100}){100}', false],
    ['x'.repeat(5000), false],
  ])('%s: %s', (regex, usable) => expect(isUsableRegex(regex)).toBe(usable));

  it.each([
    ['(a)', '/\\1', true],
    ['(a)', '/\\0\\\\', true],
    ['(a)', '/\\2', false],
    ['a', '\\1', false],
    ['a', '\\x', false],
    ['a', '\\', false],
    ['(', '', false],
  ])('%s replaced by %s: %s', (regex, substitution, usable) =>
    expect(isUsableRewrite(regex, substitution)).toBe(usable),
  );

  it('any text has an answer', () => {
    fc.assert(
      fc.property(fc.string(), fc.string(), (regex, substitution) => {
        expect(typeof isUsableRewrite(regex, substitution)).toBe('boolean');
      }),
    );
  });
});
