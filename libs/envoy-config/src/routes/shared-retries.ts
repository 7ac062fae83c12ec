import type { Route, VirtualHost } from '@weft/xds/gen/envoy/config/route/v3/route_components.js';
import type { RouteDraft } from './forward.js';
import { DEFAULT_RETRIES } from './retry-policy.js';

/**
 * Its retries are those of its virtual host: they would be two thirds of such a route, and half of what Envoy needs to read it.
 */
export const leansOnHost = ({ action }: RouteDraft): boolean =>
  action?.$case === 'route' && action.value?.retryPolicy === DEFAULT_RETRIES;

/** The route as it stands in a virtual host with the shared retries; one that must not retry says so. */
export function withoutSharedRetries(route: RouteDraft): RouteDraft {
  const { action } = route;
  if (action?.$case !== 'route') return route;
  const { retryPolicy: own, ...rest } = action.value ?? {};
  if (own === undefined) return { ...route, action: { $case: 'route', value: { ...rest, retryPolicy: {} } } };
  return own === DEFAULT_RETRIES ? { ...route, action: { $case: 'route', value: rest } } : route;
}

/** The virtual host with all retries in its routes, where patches for routes look for them. */
export function withOwnRetries({ retryPolicy: shared, ...host }: VirtualHost): VirtualHost {
  if (shared === undefined) return host;
  const own = (route: Route): Route =>
    route.action?.$case === 'route' && route.action.value.retryPolicy === undefined
      ? { ...route, action: { $case: 'route', value: { ...route.action.value, retryPolicy: shared } } }
      : route;
  return { ...host, routes: host.routes.map(own) };
}
