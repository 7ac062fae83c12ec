import type { AttachedService } from '@weft/mesh-model';
import { RouteConfiguration } from '@weft/xds/gen/envoy/config/route/v3/route.js';
import { duration } from '../messages/duration.js';
import type { RouteDraft } from '../routes/forward.js';
import { effectivePolicy } from '../clusters/effective-policy.js';
import { hashPolicyOf } from '../clusters/load-balancing.js';
import { gatewayApiRoutes } from '../routes/gateway-api-route.js';
import { grpcRoutes } from '../routes/grpc-route.js';
import { istioRoutes } from '../routes/istio-route.js';
import { retryPolicy } from '../routes/retry-policy.js';
import type { MeshSettings } from './mesh-settings.js';
import { portRoutes } from './port-routes.js';
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
        routes: [...routesOf(attached, port, clusterDomain)],
      },
    ],
  });
}

/** With routes of its own a service answers 404 to what none of them matches; without any everything goes to it. */
function routesOf(attached: AttachedService, port: VipPort, clusterDomain: string): readonly RouteDraft[] {
  const { destinations } = attached;
  const own = portRoutes(attached, port.number);
  const istio = attached.virtualServices.filter(({ spec }) => spec.http.length > 0);
  const gatewayApi =
    own?.kind === 'HTTPRoute'
      ? gatewayApiRoutes(own.routes, destinations)
      : own?.kind === 'GRPCRoute'
        ? grpcRoutes(own.routes, destinations)
        : null;
  if (gatewayApi === null && istio.length === 0) return [defaultRoute(attached, port.number)];
  return [...istioRoutes(istio, { clusterDomain, port: port.number, destinations }), ...(gatewayApi ?? [])];
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
