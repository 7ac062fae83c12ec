import { RouteConfiguration } from '@weft/xds/gen/envoy/config/route/v3/route.js';
import fc from 'fast-check';
import type { RouteDraft } from '../routes/forward.js';
import { splicedRoutes } from './spliced-routes.js';

const route = (name: string): RouteDraft => ({
  name,
  match: { pathSpecifier: { $case: 'prefix', value: `/${name}` } },
  action: { $case: 'route', value: { clusterSpecifier: { $case: 'cluster', value: 'c' } } },
});

describe('properties', () => {
  it('spliced routes say what the whole configuration would', () => {
    fc.assert(
      fc.property(fc.array(fc.string()), fc.array(fc.string()), (names, others) => {
        const drafts = names.map(route);
        const whole = (routes: readonly RouteDraft[]) =>
          RouteConfiguration.fromPartial({
            name: 'r',
            maxDirectResponseBodySizeBytes: 7,
            virtualHosts: [
              { name: 'first', domains: ['*'], routes: [...routes] },
              ...others.map((name) => ({ name, domains: [name], routes: [route(name)] })),
            ],
          });
        const spliced = RouteConfiguration.decode(splicedRoutes(whole([]), drafts));
        expect(spliced).toEqual(RouteConfiguration.decode(RouteConfiguration.encode(whole(drafts)).finish()));
        // Once more, from what was remembered.
        expect(RouteConfiguration.decode(splicedRoutes(whole([]), drafts))).toEqual(spliced);
      }),
    );
  });
});
