import { RouteConfiguration } from '@weft/xds/gen/envoy/config/route/v3/route.js';
import fc from 'fast-check';
import type { Route, VirtualHost } from '@weft/xds/gen/envoy/config/route/v3/route_components.js';
import type { RouteDraft } from '../routes/forward.js';
import { retryPolicy, type RetryPolicyDraft } from '../routes/retry-policy.js';
import { withoutSharedRetries, withOwnRetries } from '../routes/shared-retries.js';
import { encodedHost, splicedRoutes } from './spliced-routes.js';

const route = (name: string): RouteDraft => ({
  name,
  match: { pathSpecifier: { $case: 'prefix', value: `/${name}` } },
  action: { $case: 'route', value: { clusterSpecifier: { $case: 'cluster', value: 'c' } } },
});

describe('properties', () => {
  it('spliced hosts and routes say what the whole configuration would', () => {
    fc.assert(
      fc.property(fc.array(fc.array(fc.string()), { maxLength: 4 }), (names) => {
        const drafts = names.map((some) => some.map(route));
        const head = (i: number) => ({ name: `host-${i}`, domains: [`${i}.example`] });
        const settings = { name: 'r', maxDirectResponseBodySizeBytes: 7 };
        const whole = RouteConfiguration.fromPartial({
          ...settings,
          virtualHosts: drafts.map((routes, i) => ({ ...head(i), routes: routes.map(withoutSharedRetries) })),
        });
        const splice = () => {
          const { name, body } = splicedRoutes(
            settings,
            drafts.map((routes, i) => encodedHost({ host: head(i), routes })),
          );
          expect(name).toBe('r');
          return RouteConfiguration.decode(body);
        };
        const spliced = splice();
        expect(spliced).toEqual(RouteConfiguration.decode(RouteConfiguration.encode(whole).finish()));
        // Once more, from what was remembered.
        expect(splice()).toEqual(spliced);
      }),
    );
  });
});

describe('retries that routes have in common', () => {
  const retrying = (retries: RetryPolicyDraft | undefined): RouteDraft => ({
    ...route('r'),
    action: {
      $case: 'route',
      value: {
        clusterSpecifier: { $case: 'cluster', value: 'c' },
        ...(retries === undefined ? {} : { retryPolicy: retries }),
      },
    },
  });
  const spliced = (routes: readonly RouteDraft[]): VirtualHost =>
    RouteConfiguration.decode(splicedRoutes({ name: 'r' }, [encodedHost({ host: { name: 'h' }, routes })]).body)
      .virtualHosts[0]!;
  const retriesOf = ({ action }: Route) => (action?.$case === 'route' ? action.value.retryPolicy : 'none');

  it('are said once, of their host', () => {
    const { retryPolicy: shared, routes } = spliced([
      retrying(retryPolicy()!),
      retrying(retryPolicy({ attempts: 7 })!),
    ]);
    expect(shared).toMatchObject({ numRetries: 2 });
    expect(routes.map(retriesOf)).toEqual([undefined, expect.objectContaining({ numRetries: 7 })]);
  });

  it('are not those of a route without retries', () => {
    const { routes } = spliced([retrying(undefined), retrying(retryPolicy()!)]);
    expect(retriesOf(routes[0]!)).toMatchObject({ retryOn: '' });
  });

  it('are not said where nothing has them', () => {
    expect(spliced([retrying(undefined)]).retryPolicy).toBeUndefined();
  });

  it('stand in every route again where patches look for them', () => {
    const { retryPolicy: shared, routes } = withOwnRetries(spliced([retrying(undefined), retrying(retryPolicy()!)]));
    expect(shared).toBeUndefined();
    expect(routes.map(retriesOf)).toMatchObject([{ retryOn: '' }, { numRetries: 2 }]);
  });
});
