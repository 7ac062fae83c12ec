import type { AttachedService } from '@weft/mesh-model';
import { CORS_FILTER } from '../routes/cors-filter.js';
import { FAULT_FILTER } from '../routes/fault-filter.js';
import { Cors } from '@weft/xds/gen/envoy/extensions/filters/http/cors/v3/cors.js';
import { HTTPFault } from '@weft/xds/gen/envoy/extensions/filters/http/fault/v3/fault.js';
import { filter } from '../messages/extension.js';
import { vipServiceOf } from './attached-view.js';
import type { ServiceChains } from './main-internal.js';
import { httpChain, tcpChain, type HttpFilterDraft } from './service-chains.js';
import { stacksOf, vipName } from './vip-service.js';

/** What is done to the traffic of a service, port by port. */
export function attachedChains(attached: AttachedService): ServiceChains {
  const service = vipServiceOf(attached.claim, attached.addresses);
  const chains = service.ports.flatMap((port) =>
    stacksOf(port).map((stack) => {
      const name = vipName(service.hostname, port.number, stack);
      const statPrefix = `inbound_0.0.0.0_${port.number};`;
      if (stack === 'tcp') {
        return tcpChain({ name, statPrefix, filters: [], accessLogs: [], clusters: [{ name, weight: 1 }] });
      }
      return httpChain({ name, statPrefix, routeName: name, filters: routeFilters(), accessLogs: [] });
    }),
  );
  return { service, chains };
}

/** Filters that do nothing until a route has configuration for them. */
function routeFilters(): readonly HttpFilterDraft[] {
  return [filter(FAULT_FILTER, HTTPFault, {}), filter(CORS_FILTER, Cors, {})];
}
