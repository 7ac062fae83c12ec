import { longestIn } from './long-slices.js';

describe('the longest slice of a span', () => {
  const text = '1000 2500\n2000 9000\n3000 4000\n';

  it('is that of those that ended in it', () => {
    expect(longestIn(text, 0, 9999)).toBe(9000);
    expect(longestIn(text, 2001, 3000)).toBe(4000);
  });

  it('is 0 where there was none', () => {
    expect(longestIn(text, 3001, 9999)).toBe(0);
    expect(longestIn('', 0, 9999)).toBe(0);
  });

  it('does not count a line that is still being written', () => {
    expect(longestIn('1000 2500\n1001', 0, 9999)).toBe(2500);
  });
});
