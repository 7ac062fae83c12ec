import type { AttachedService } from '@weft/mesh-model';
import { RouteConfiguration } from '@weft/xds/gen/envoy/config/route/v3/route.js';
import { duration } from '../messages/duration.js';
import type { RouteDraft } from '../routes/forward.js';
import { gatewayApiRoutes } from '../routes/gateway-api-route.js';
import { retryPolicy } from '../routes/retry-policy.js';
import { serviceParent } from './route-parent.js';
import { vipName, type VipPort } from './vip-service.js';

const MAX_DIRECT_RESPONSE_BYTES = 1_048_576;

/** How requests to one port of a service are routed. */
export function vipRoutes(attached: AttachedService, port: VipPort): RouteConfiguration {
  const name = vipName(attached.claim.hostname, port.number, 'http');
  return RouteConfiguration.fromPartial({
    name,
    validateClusters: false,
    maxDirectResponseBodySizeBytes: MAX_DIRECT_RESPONSE_BYTES,
    virtualHosts: [
      {
        name: `inbound|http|${port.number}`,
        domains: ['*'],
        includeRequestAttemptCount: true,
        routes: [...routesOf(attached, port, name)],
      },
    ],
  });
}

/** With routes of its own a service answers 404 to what none of them matches; without any everything goes to it. */
function routesOf(attached: AttachedService, port: VipPort, cluster: string): readonly RouteDraft[] {
  const own = attached.httpRoutes.filter(({ meta, spec }) =>
    serviceParent(attached.claim, port.number, spec.parentRefs, meta.namespace),
  );
  if (own.length > 0) return gatewayApiRoutes(own, attached.destinations);
  return [defaultRoute(cluster)];
}

function defaultRoute(cluster: string): RouteDraft {
  const policy = retryPolicy();
  return {
    name: 'default',
    match: { pathSpecifier: { $case: 'prefix', value: '/' } },
    action: {
      $case: 'route',
      value: {
        clusterSpecifier: { $case: 'cluster', value: cluster },
        timeout: duration(0),
        ...(policy === null ? {} : { retryPolicy: policy }),
      },
    },
  };
}
