import fc from 'fast-check';
import { shortName } from './short-name.js';

const NAME = fc.stringMatching(/^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$/);

describe('shortName', () => {
  it('of any Gateway is a value that a label may have, and its own name where that fits', () => {
    fc.assert(
      fc.property(NAME, (name) => {
        const short = shortName(name);
        expect(short).toMatch(/^[a-z0-9]([-a-z0-9.]{0,61}[a-z0-9])?$/);
        if (name.length <= 63) expect(short).toBe(name);
      }),
    );
  });

  it('tells apart names that only differ beyond the limit', () => {
    const long = 'a'.repeat(100);
    expect(shortName(`${long}1`)).not.toBe(shortName(`${long}2`));
  });
});
