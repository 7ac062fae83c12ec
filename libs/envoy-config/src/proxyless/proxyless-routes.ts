import type { ServiceView } from '@weft/mesh-model';
import { RouteConfiguration } from '@weft/xds/gen/envoy/config/route/v3/route.js';
import { effectivePolicy, subsetsOf } from '../clusters/effective-policy.js';
import { hashPolicyOf } from '../clusters/load-balancing.js';
import type { RouteDraft } from '../routes/forward.js';
import { retryPolicy } from '../routes/retry-policy.js';
import { outboundName } from '../routes/route-target.js';
import { routesOfPort } from '../routes/routes-of-port.js';
import { proxylessRoute } from './proxyless-route.js';

/** How calls to one port of a service are routed by the client itself. */
export function proxylessRoutes(view: ServiceView, port: number, clusterDomain: string): RouteConfiguration {
  const name = outboundName(view.claim.hostname, port);
  const clusters = clusterNames(view);
  return RouteConfiguration.fromPartial({
    name,
    virtualHosts: [
      {
        name: `${view.claim.hostname}:${port}`,
        domains: ['*'],
        routes: routesOf(view, port, clusterDomain).flatMap(
          (route) => proxylessRoute(route, (cluster) => clusters.has(cluster)) ?? [],
        ),
      },
    ],
  });
}

function routesOf(view: ServiceView, port: number, clusterDomain: string): readonly RouteDraft[] {
  const own = view.behindWaypoint
    ? null
    : routesOfPort(view, { port, clusterDomain, clientNamespace: view.clientNamespace });
  return own ?? [defaultRoute(view, port)];
}

/** A waypoint retries by itself. */
function defaultRoute({ claim, destinationRules, behindWaypoint }: ServiceView, port: number): RouteDraft {
  const policy = behindWaypoint ? null : retryPolicy();
  return {
    name: 'default',
    match: { pathSpecifier: { $case: 'prefix', value: '' } },
    action: {
      $case: 'route',
      value: {
        clusterSpecifier: { $case: 'cluster', value: outboundName(claim.hostname, port) },
        hashPolicy: [...hashPolicyOf(effectivePolicy(destinationRules, port).loadBalancer)],
        ...(policy === null ? {} : { retryPolicy: policy }),
      },
    },
  };
}

/** Of the service itself and of all that its routes lead to. */
function clusterNames({ claim, destinationRules, destinations }: ServiceView): ReadonlySet<string> {
  const places = [
    { claim, destinationRules },
    ...Object.values(destinations).flatMap((one) => (one.kind === 'service' ? [one] : [])),
  ];
  return new Set(
    places.flatMap(({ claim: { hostname, ports }, destinationRules: rules }) =>
      ports.flatMap(({ servicePort }) =>
        ['', ...subsetsOf(rules).map(({ name }) => name)].map((subset) => outboundName(hostname, servicePort, subset)),
      ),
    ),
  );
}
