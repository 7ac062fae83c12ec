import { Cors } from '@weft/xds/gen/envoy/extensions/filters/http/cors/v3/cors.js';
import { HTTPFault } from '@weft/xds/gen/envoy/extensions/filters/http/fault/v3/fault.js';
import { FilterConfig as GrpcStats } from '@weft/xds/gen/envoy/extensions/filters/http/grpc_stats/v3/config.js';
import type { AttachedService } from '@weft/mesh-model';
import { jwtFilter, type JwtSettings } from '../authentication/jwt-filter.js';
import { customFilters, httpAuthorization, tcpAuthorization } from '../authorization/rbac-filters.js';
import { effectivePolicy } from '../clusters/effective-policy.js';
import { filter } from '../messages/extension.js';
import { CORS_FILTER } from '../routes/cors-filter.js';
import { FAULT_FILTER } from '../routes/fault-filter.js';
import { istioTcpTargets } from '../routes/istio-tcp-route.js';
import { standardMetrics } from '../telemetry/standard-metrics.js';
import { vipServiceOf } from './attached-view.js';
import type { ServiceChains } from './main-internal.js';
import { httpChain, tcpChain, type HttpFilterDraft } from './service-chains.js';
import { stacksOf, vipName, type VipPort } from './vip-service.js';

export interface ChainSettings {
  readonly jwt: JwtSettings;
  readonly clusterDomain: string;
}

export type RequestPolicies = Pick<AttachedService, 'authorizationPolicies' | 'requestAuthentications'>;

/** What is done to the traffic of a service, port by port. */
export function attachedChains(attached: AttachedService, settings: ChainSettings): ServiceChains {
  const { claim, addresses, authorizationPolicies, destinationRules, virtualServices, destinations } = attached;
  const service = vipServiceOf(claim, addresses);
  const chains = service.ports.flatMap((port) =>
    stacksOf(port).map((stack) => {
      const name = vipName(service.hostname, port.number, stack);
      const statPrefix = `inbound_0.0.0.0_${port.number};`;
      const accessLogs = [standardMetrics({ claim, protocol: stack === 'tcp' ? 'tcp' : protocolLabel(port) })];
      if (stack === 'http')
        return httpChain({
          name,
          statPrefix,
          routeName: name,
          filters: requestFilters(attached, settings),
          accessLogs,
        });
      const { clusterDomain } = settings;
      const routed = istioTcpTargets(virtualServices, { clusterDomain, port: port.number, destinations });
      const { idleTimeout, maxConnectionDuration } =
        effectivePolicy(destinationRules, port.number).connectionPool?.tcp ?? {};
      return tcpChain({
        name,
        statPrefix,
        filters: tcpAuthorization(authorizationPolicies),
        accessLogs,
        clusters: routed.length > 0 ? routed : [{ name, weight: 1 }],
        ...(idleTimeout === undefined ? {} : { idleTimeoutMs: idleTimeout }),
        ...(maxConnectionDuration === undefined ? {} : { maxConnectionMs: maxConnectionDuration }),
      });
    }),
  );
  return { service, chains };
}

const protocolLabel = ({ isGrpc }: VipPort): 'http' | 'grpc' => (isGrpc ? 'grpc' : 'http');

/** In the order in which they decide; the last two do nothing until a route has configuration for them. */
export function requestFilters(policies: RequestPolicies, { jwt }: ChainSettings): readonly HttpFilterDraft[] {
  const tokens = jwtFilter(
    policies.requestAuthentications.flatMap(({ spec }) => spec.jwtRules),
    jwt,
  );
  return [
    ...customFilters(policies.authorizationPolicies),
    ...(tokens === null ? [] : [tokens]),
    ...httpAuthorization(policies.authorizationPolicies),
    filter('envoy.filters.http.grpc_stats', GrpcStats, {
      emitFilterState: true,
      perMethodStatSpecifier: { $case: 'statsForAllMethods', value: false },
    }),
    filter(FAULT_FILTER, HTTPFault, {}),
    filter(CORS_FILTER, Cors, {}),
  ];
}
