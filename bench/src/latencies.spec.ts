import fc from 'fast-check';
import { Latencies } from './latencies.js';

it('a quantile is never below the exact one, and at most 1/64 above it', () => {
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: 0, max: 10_000_000 }), { minLength: 1, maxLength: 200 }),
      fc.double({ min: 0, max: 1, noNaN: true }),
      (values, fraction) => {
        const latencies = new Latencies();
        for (const value of values) latencies.add(value);
        const exact = values.sort((a, b) => a - b)[Math.max(1, Math.ceil(values.length * fraction)) - 1]!;
        const estimate = latencies.quantile(fraction);
        expect(estimate).toBeGreaterThanOrEqual(exact);
        expect(estimate).toBeLessThanOrEqual(Math.ceil(exact * (1 + 1 / 64)));
      },
    ),
  );
});
it('nothing measured is 0', () => expect(new Latencies().quantile(0.5)).toBe(0));
