import type { HttpRouteMatch } from '@weft/mesh-api';
import fc from 'fast-check';
import { rankOf } from './gateway-api-match.js';

const KINDS = ['Exact', 'PathPrefix', 'RegularExpression'];

/** As Gateway API says it, criterion by criterion. */
const criteria = ({ path, method, headers, queryParams }: HttpRouteMatch): readonly number[] => [
  -KINDS.indexOf(path.type),
  path.value.length,
  method === undefined ? 0 : 1,
  headers.length,
  queryParams.length,
];

describe('properties', () => {
  const named = fc.constant({ type: 'Exact', name: 'x', value: 'y' });
  const match: fc.Arbitrary<HttpRouteMatch> = fc.record({
    path: fc.record({ type: fc.constantFrom(...KINDS), value: fc.string({ maxLength: 1024 }) }),
    method: fc.option(fc.constant('GET'), { nil: undefined }),
    headers: fc.array(named, { maxLength: 16 }),
    queryParams: fc.array(named, { maxLength: 16 }),
  }) as fc.Arbitrary<HttpRouteMatch>;

  it('what is more specific by the first criterion that tells two apart has the smaller rank', () => {
    fc.assert(
      fc.property(match, match, (a, b) => {
        const [left, right] = [criteria(a), criteria(b)];
        const first = left.findIndex((value, i) => value !== right[i]);
        const expected = first === -1 ? 0 : Math.sign(right[first]! - left[first]!);
        expect(Math.sign(rankOf(a) - rankOf(b))).toBe(expected);
      }),
    );
  });
});
