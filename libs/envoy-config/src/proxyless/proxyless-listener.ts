import { Listener } from '@weft/xds/gen/envoy/config/listener/v3/listener.js';
import { HTTPFault } from '@weft/xds/gen/envoy/extensions/filters/http/fault/v3/fault.js';
import { Router } from '@weft/xds/gen/envoy/extensions/filters/http/router/v3/router.js';
import { HttpConnectionManager } from '@weft/xds/gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager.js';
import { packAny } from '../messages/any.js';
import { ADS } from '../messages/config-source.js';
import { filter } from '../messages/extension.js';
import { FAULT_FILTER } from '../routes/fault-filter.js';

/** What a client finds under the name that it dials, `xds:///<host>:<port>`: where its routes are. */
export function proxylessListener(name: string, routes: string): Listener {
  return Listener.fromPartial({
    name,
    apiListener: {
      apiListener: packAny(HttpConnectionManager, {
        statPrefix: name,
        routeSpecifier: { $case: 'rds', value: { configSource: ADS, routeConfigName: routes } },
        httpFilters: [filter(FAULT_FILTER, HTTPFault, {}), filter('envoy.filters.http.router', Router, {})],
      }),
    },
  });
}
