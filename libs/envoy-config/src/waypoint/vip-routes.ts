import type { AttachedService } from '@weft/mesh-model';
import { RouteConfiguration } from '@weft/xds/gen/envoy/config/route/v3/route.js';
import { duration } from '../messages/duration.js';
import type { RouteDraft } from '../routes/forward.js';
import { effectivePolicy } from '../clusters/effective-policy.js';
import { hashPolicyOf } from '../clusters/load-balancing.js';
import { retryPolicy } from '../routes/retry-policy.js';
import { routesOfPort } from '../routes/routes-of-port.js';
import type { MeshSettings } from './mesh-settings.js';
import { vipName, type VipPort } from './vip-service.js';

const MAX_DIRECT_RESPONSE_BYTES = 1_048_576;

/** How requests to one port of a service are routed. */
export function vipRoutes(
  attached: AttachedService,
  port: VipPort,
  { clusterDomain }: MeshSettings,
): RouteConfiguration {
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
        // With routes of its own a service answers 404 to what none of them matches; without any everything goes to it.
        routes: [...(routesOfPort(attached, port.number, clusterDomain) ?? [defaultRoute(attached, port.number)])],
      },
    ],
  });
}

function defaultRoute({ claim, destinationRules }: AttachedService, port: number): RouteDraft {
  const policy = retryPolicy();
  return {
    name: 'default',
    match: { pathSpecifier: { $case: 'prefix', value: '/' } },
    action: {
      $case: 'route',
      value: {
        clusterSpecifier: { $case: 'cluster', value: vipName(claim.hostname, port, 'http') },
        timeout: duration(0),
        hashPolicy: [...hashPolicyOf(effectivePolicy(destinationRules, port).loadBalancer)],
        ...(policy === null ? {} : { retryPolicy: policy }),
      },
    },
  };
}
