import fc from 'fast-check';
import { parseQuantity } from './quantity.js';

describe('parseQuantity', () => {
  it.each([
    ['250m', 0.25],
    ['64Mi', 64 * 2 ** 20],
    ['1e3', 1000],
    ['1.5G', 1.5e9],
    ['', undefined],
    ['x', undefined],
    ['1KiB', undefined],
  ])('%s', (text, value) => expect(parseQuantity(text)).toBe(value));
  it('never throws', () => {
    fc.assert(fc.property(fc.string(), (text) => void parseQuantity(text)));
  });
});
