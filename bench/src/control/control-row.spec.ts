import { controlRow, formatControl, jsonOfControl, quantile } from './control-row.js';

describe('rows of suite control', () => {
  it('say whether what was promised is kept', () => {
    const text = formatControl([
      controlRow('churn', { cpuCores: 0.05, rssMiB: 512.4 }),
      controlRow('route-change', { p50Ms: 101 }, 1),
    ]);
    expect(text).toContain('0.05   at most 0.1: met');
    expect(text).toContain('rssMiB                                     512\n');
    expect(text).toContain('route-change: 1 errors');
    expect(text).toContain('101   at most 100: MISSED');
  });

  it('are objects with the figures beside the names', () => {
    expect(JSON.parse(jsonOfControl(controlRow('churn', { cpuCores: 0.123456 })))).toEqual({
      ...{ suite: 'control', load: 'churn', peer: 'weft', errors: 0, cpuCores: 0.1235 },
    });
  });

  it.each([
    [[3, 1, 2], 0.5, 2],
    [[1, 2, 3, 4], 0.5, 2],
    [[5], 0.99, 5],
    [[], 0.5, 0],
  ])('of %j the quantile %d is %d', (values, fraction, expected) => {
    expect(quantile(values, fraction)).toBe(expected);
  });
});
