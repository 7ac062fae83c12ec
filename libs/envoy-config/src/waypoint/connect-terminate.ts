import { FilterStateValue_SharedWithUpstream } from '@weft/xds/gen/envoy/extensions/filters/common/set_filter_state/v3/value.js';
import { Config as SetFilterState } from '@weft/xds/gen/envoy/extensions/filters/http/set_filter_state/v3/set_filter_state.js';
import { Router } from '@weft/xds/gen/envoy/extensions/filters/http/router/v3/router.js';
import { HttpConnectionManager } from '@weft/xds/gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager.js';
import { Listener } from '@weft/xds/gen/envoy/config/listener/v3/listener.js';
import { hboneDownstreamTls } from '../connections/mesh-tls.js';
import {
  CONNECT_TERMINATE,
  HBONE_PORT,
  MAIN_INTERNAL,
  STATE_AUTHORITY,
  STATE_LOCAL_PRINCIPAL,
  STATE_ORIGINAL_DST,
  STATE_ORIGINAL_SRC,
  STATE_PEER_PRINCIPAL,
} from '../connections/well-known-keys.js';
import { listenAddresses, type AddressFamilies } from '../messages/listen-addresses.js';
import { duration } from '../messages/duration.js';
import { filter } from '../messages/extension.js';
import { failedTunnelLog, noRouteLog } from '../telemetry/access-log.js';
import { formatOfSource, SOURCE_FIELDS, sourceMetadataFilter, stateOfSource } from '../telemetry/source-metadata.js';
import type { MeshSettings } from '../resources/mesh-settings.js';

/** Takes HBONE from ztunnels and gateways and hands each tunnel to `main_internal`, with what it knows of the client. */
export function connectTerminate({ trustDomains }: MeshSettings, families: AddressFamilies): Listener {
  return Listener.fromPartial({
    name: CONNECT_TERMINATE,
    ...listenAddresses(HBONE_PORT, families),
    // Few long-lived connections must spread over the workers.
    connectionBalanceConfig: { balanceType: { $case: 'exactBalance', value: {} } },
    accessLog: [noRouteLog()],
    filterChains: [
      {
        name: 'default',
        transportSocket: hboneDownstreamTls(trustDomains),
        filters: [filter('envoy.filters.network.http_connection_manager', HttpConnectionManager, tunnelManager())],
      },
    ],
  });
}

function tunnelManager(): Parameters<typeof HttpConnectionManager.fromPartial>[0] {
  return {
    statPrefix: CONNECT_TERMINATE,
    routeSpecifier: {
      $case: 'routeConfig',
      value: {
        name: 'default',
        virtualHosts: [
          {
            name: 'default',
            domains: ['*'],
            routes: [
              {
                match: { pathSpecifier: { $case: 'connectMatcher', value: {} } },
                action: {
                  $case: 'route',
                  value: {
                    clusterSpecifier: { $case: 'cluster', value: MAIN_INTERNAL },
                    // A tunnel lives as long as its connection.
                    timeout: duration(0),
                    upgradeConfigs: [{ upgradeType: 'CONNECT', connectConfig: {} }],
                  },
                },
              },
            ],
          },
        ],
      },
    },
    upgradeConfigs: [{ upgradeType: 'CONNECT' }],
    http2ProtocolOptions: {
      allowConnect: true,
      maxConcurrentStreams: 100,
      connectionKeepalive: { interval: duration(10_000), timeout: duration(20_000) },
    },
    streamIdleTimeout: duration(0),
    useRemoteAddress: false,
    accessLog: [failedTunnelLog()],
    httpFilters: [sourceMetadataFilter(), connectAuthority(), filter('envoy.filters.http.router', Router, {})],
  };
}

/** Where the tunnel goes and who opened it, for the listener behind. */
function connectAuthority() {
  return filter('connect_authority', SetFilterState, {
    onRequestHeaders: [
      state(STATE_ORIGINAL_DST, '%REQ(:AUTHORITY)%', null),
      state(STATE_AUTHORITY, '%REQ(:AUTHORITY)%'),
      state(STATE_ORIGINAL_SRC, '%DOWNSTREAM_REMOTE_ADDRESS%', null),
      state(STATE_PEER_PRINCIPAL, '%DOWNSTREAM_PEER_URI_SAN%'),
      state(STATE_LOCAL_PRINCIPAL, '%DOWNSTREAM_LOCAL_URI_SAN%'),
      ...Object.keys(SOURCE_FIELDS).map((field) => state(stateOfSource(field), formatOfSource(field))),
    ],
  });
}

/**
 * `factory` null: the key has one of its own. Texts are hashable: two tunnels that open at once share a pending connection to
 * the listener behind only if all of this is equal, so that neither is taken for the other.
 */
function state(key: string, format: string, factory: string | null = 'envoy.hashable_string') {
  return {
    key: { $case: 'objectKey' as const, value: key },
    factoryKey: factory ?? '',
    value: {
      $case: 'formatString' as const,
      value: {
        format: {
          $case: 'textFormatSource' as const,
          value: { specifier: { $case: 'inlineString' as const, value: format } },
        },
      },
    },
    sharedWithUpstream: FilterStateValue_SharedWithUpstream.ONCE,
    skipIfEmpty: true,
  };
}
