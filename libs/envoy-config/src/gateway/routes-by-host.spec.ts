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

  it('a host has the routes of the hosts that take it in, its own first, then the longest, then those for any', () => {
    fc.assert(
      fc.property(fc.array(fc.uniqueArray(host)), host, (some, wanted) => {
        const routes = some.map(route);
        const all = [...new Set(some.flat())];
        const lengthOf = (one: Host) => (one === wanted ? Infinity : (one?.length ?? 0));
        const expected = all
          .filter((one) => one === undefined || one === wanted || (wanted !== undefined && covers(one, wanted)))
          .sort((a, b) => lengthOf(b) - lengthOf(a));
        const found = new RoutesByHost({ httpRoutes: routes, grpcRoutes: [] }).layersFor(wanted);
        expect(found.map(({ requests }) => requests)).toEqual(
          expected.map((one) => routes.filter(({ hosts }) => hosts.includes(one))),
        );
      }),
    );
  });
});

it('routes of a host stay in their order, the oldest first', () => {
  const [old, young] = [route(['a', 'b']), route(['b', undefined])];
  const routes = new RoutesByHost({ httpRoutes: [old, young], grpcRoutes: [] });
  expect([...routes.hosts]).toEqual(['a', 'b', undefined]);
  expect(routes.layersFor('b')[0]?.requests).toEqual([old, young]);
});
