import { covers } from '@weft/gateway-api';
import type { HttpRouteSpec } from '@weft/mesh-api';
import type { AttachedRoute } from '@weft/mesh-model';
import fc from 'fast-check';
import { RoutesByHost, type Host } from './routes-by-host.js';

const route = (hosts: readonly Host[]): AttachedRoute<HttpRouteSpec> =>
  ({ hosts }) as unknown as AttachedRoute<HttpRouteSpec>;

describe('properties', () => {
  const label = fc.constantFrom('a', 'b', 'ab');
  const name = fc.array(label, { minLength: 1, maxLength: 4 }).map((labels) => labels.join('.'));
  const host: fc.Arbitrary<Host> = fc.oneof(
    fc.constant(undefined),
    name,
    name.map((rest) => `*.${rest}`),
  );

  it('a host has the routes of the hosts that take it in', () => {
    fc.assert(
      fc.property(fc.array(fc.uniqueArray(host)), host, (routes, wanted) => {
        const all = new Set(routes.flat());
        const expected = [...all].filter(
          (one) => one === undefined || one === wanted || (wanted !== undefined && covers(one, wanted)),
        );
        const found = new RoutesByHost({ httpRoutes: routes.map(route), grpcRoutes: [] }).patternsFor(wanted);
        expect([...found].sort()).toEqual(expected.sort());
      }),
    );
  });
});

it('routes of a host stay in their order, the oldest first', () => {
  const [old, young] = [route(['a', 'b']), route(['b', undefined])];
  const { httpRoutes, hosts } = new RoutesByHost({ httpRoutes: [old, young], grpcRoutes: [] });
  expect([...hosts]).toEqual(['a', 'b', undefined]);
  expect(httpRoutes.get('b')).toEqual([old, young]);
});
