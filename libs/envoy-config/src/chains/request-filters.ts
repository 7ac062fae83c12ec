import { Cors } from '@weft/xds/gen/envoy/extensions/filters/http/cors/v3/cors.js';
import { HTTPFault } from '@weft/xds/gen/envoy/extensions/filters/http/fault/v3/fault.js';
import { FilterConfig as GrpcStats } from '@weft/xds/gen/envoy/extensions/filters/http/grpc_stats/v3/config.js';
import type { AttachedService } from '@weft/mesh-model';
import { jwtFilter } from '../authentication/jwt-filter.js';
import { customFilters, customTcpFilters } from '../authorization/custom-filters.js';
import { httpAuthorization, tcpAuthorization } from '../authorization/rbac-filters.js';
import { filter } from '../messages/extension.js';
import { CORS_FILTER } from '../routes/cors-filter.js';
import { FAULT_FILTER } from '../routes/fault-filter.js';
import type { ChainSettings } from './chain-settings.js';
import type { HttpFilterDraft, NetworkFilterDraft } from './filter-chain.js';

export type RequestPolicies = Pick<AttachedService, 'authorizationPolicies' | 'requestAuthentications'>;

/** In the order in which they decide; the last two do nothing until a route has configuration for them. */
export function requestFilters(
  policies: RequestPolicies,
  { jwt, providers }: ChainSettings,
): readonly HttpFilterDraft[] {
  const tokens = jwtFilter(
    policies.requestAuthentications.flatMap(({ spec }) => spec.jwtRules),
    jwt,
  );
  return [
    ...customFilters(policies.authorizationPolicies, providers),
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

/** The same for connections whose bytes are not looked into. */
export const connectionFilters = (
  policies: RequestPolicies['authorizationPolicies'],
  { providers }: ChainSettings,
): readonly NetworkFilterDraft[] => [...customTcpFilters(policies, providers), ...tcpAuthorization(policies)];
