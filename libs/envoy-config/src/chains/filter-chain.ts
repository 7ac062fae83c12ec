import type { PathNormalization } from '@weft/mesh-api';
import { Router } from '@weft/xds/gen/envoy/extensions/filters/http/router/v3/router.js';
import {
  HttpConnectionManager,
  HttpConnectionManager_PathWithEscapedSlashesAction as EscapedSlashes,
  type HttpFilter,
} from '@weft/xds/gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager.js';
import { TcpProxy } from '@weft/xds/gen/envoy/extensions/filters/network/tcp_proxy/v3/tcp_proxy.js';
import type { AccessLog } from '@weft/xds/gen/envoy/config/accesslog/v3/accesslog.js';
import type { Filter, FilterChain } from '@weft/xds/gen/envoy/config/listener/v3/listener_components.js';
import type { EffectivePolicy } from '../clusters/effective-policy.js';
import { ADS } from '../messages/config-source.js';
import type { Draft } from '../messages/draft.js';
import { duration } from '../messages/duration.js';
import { filter } from '../messages/extension.js';
import type { TracingDraft } from '../telemetry/tracing.js';

export type FilterChainDraft = Draft<typeof FilterChain>;
export type HttpFilterDraft = Draft<typeof HttpFilter>;
export type NetworkFilterDraft = Draft<typeof Filter>;
export type AccessLogDraft = Draft<typeof AccessLog>;

export interface HttpChain {
  readonly name: string;
  readonly statPrefix: string;
  /** Of the route configuration, which comes by RDS. */
  readonly routeName: string;
  /** In order, before the router. */
  readonly filters: readonly HttpFilterDraft[];
  readonly accessLogs: readonly AccessLogDraft[];
  readonly tracing?: TracingDraft | null;
  readonly pathNormalization: PathNormalization;
}

/**
 * Differs from Istio, which writes routes into the listener: here they come by themselves, so that a change of a route
 * drains no connection.
 */
export function httpChain(chain: HttpChain): FilterChainDraft {
  const { name, statPrefix, routeName, filters, accessLogs, tracing } = chain;
  return {
    name,
    filters: [
      filter('envoy.filters.network.http_connection_manager', HttpConnectionManager, {
        statPrefix,
        routeSpecifier: { $case: 'rds', value: { routeConfigName: routeName, configSource: ADS } },
        useRemoteAddress: false,
        streamIdleTimeout: duration(0),
        ...normalized(chain.pathNormalization),
        upgradeConfigs: [{ upgradeType: 'websocket' }],
        accessLog: [...accessLogs],
        ...(tracing === null || tracing === undefined ? {} : { tracing }),
        httpFilters: [...filters, filter('envoy.filters.http.router', Router, {})],
      }),
    ],
  };
}

/** Before any filter looks at the path: what policies see is what the service gets. */
const normalized = (how: PathNormalization) => ({
  normalizePath: how !== 'NONE',
  mergeSlashes: how === 'MERGE_SLASHES' || how === 'DECODE_AND_MERGE_SLASHES',
  ...(how === 'DECODE_AND_MERGE_SLASHES' ? { pathWithEscapedSlashesAction: EscapedSlashes.UNESCAPE_AND_FORWARD } : {}),
});

export interface TcpChain {
  readonly name: string;
  readonly statPrefix: string;
  readonly filters: readonly NetworkFilterDraft[];
  readonly accessLogs: readonly AccessLogDraft[];
  /** Several share connections by weight. */
  readonly clusters: readonly { readonly name: string; readonly weight: number }[];
  /** Connections of one client address go to one endpoint. */
  readonly bySourceAddress?: boolean;
  /** The endpoint is a proxy, which is asked for a connection to there. */
  readonly tunnel?: NonNullable<EffectivePolicy['tunnel']>;
  readonly idleTimeoutMs?: number;
  readonly maxConnectionMs?: number;
  /** How a cluster is asked for that is not there yet. Default: the connection is closed. */
  readonly onDemand?: Draft<typeof TcpProxy>['onDemand'];
}

const tunnelingOf = ({ protocol, targetHost, targetPort }: NonNullable<TcpChain['tunnel']>) => ({
  hostname: `${targetHost}:${targetPort}`,
  usePost: protocol === 'POST',
});

export function tcpChain(chain: TcpChain): FilterChainDraft {
  const { name, statPrefix, filters, accessLogs, clusters, bySourceAddress, tunnel, idleTimeoutMs, maxConnectionMs } =
    chain;
  const { onDemand } = chain;
  const [only] = clusters;
  return {
    name,
    filters: [
      ...filters,
      filter('envoy.filters.network.tcp_proxy', TcpProxy, {
        statPrefix,
        clusterSpecifier:
          clusters.length === 1
            ? { $case: 'cluster', value: only!.name }
            : {
                $case: 'weightedClusters',
                value: { clusters: clusters.map(({ name: to, weight }) => ({ name: to, weight })) },
              },
        accessLog: [...accessLogs],
        ...(tunnel === undefined ? {} : { tunnelingConfig: tunnelingOf(tunnel) }),
        ...(onDemand === undefined ? {} : { onDemand }),
        ...(bySourceAddress === true ? { hashPolicy: [{ policySpecifier: { $case: 'sourceIp', value: {} } }] } : {}),
        ...(idleTimeoutMs === undefined ? {} : { idleTimeout: duration(idleTimeoutMs) }),
        ...(maxConnectionMs === undefined ? {} : { maxDownstreamConnectionDuration: duration(maxConnectionMs) }),
      }),
    ],
  };
}
