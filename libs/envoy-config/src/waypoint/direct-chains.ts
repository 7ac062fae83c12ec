import type { AttachedWorkloads } from '@weft/mesh-model';
import { FilterStateValue_SharedWithUpstream } from '@weft/xds/gen/envoy/extensions/filters/common/set_filter_state/v3/value.js';
import { Config as SetFilterState } from '@weft/xds/gen/envoy/extensions/filters/network/set_filter_state/v3/set_filter_state.js';
import { RouteConfiguration } from '@weft/xds/gen/envoy/config/route/v3/route.js';
import { ENCAP, STATE_ORIGINAL_DST } from '../connections/well-known-keys.js';
import { duration } from '../messages/duration.js';
import { filter } from '../messages/extension.js';
import { patchedChain } from '../patches/patched-chain.js';
import type { ChainSettings } from '../chains/chain-settings.js';
import { connectionFilters, requestFilters, type RequestPolicies } from '../chains/request-filters.js';
import { patchesOf } from '../patches/patches-of.js';
import type { WorkloadChains } from './main-internal.js';
import { reports, spans } from '../telemetry/reports.js';
import { httpChain, tcpChain, type FilterChainDraft } from '../chains/filter-chain.js';

const HTTP = 'direct-http';
const TCP = 'direct-tcp';

/** For traffic that is addressed to workloads: the policies of the waypoint, and on to where it was going. */
export function directChains(
  addresses: readonly string[],
  policies: RequestPolicies & Pick<AttachedWorkloads, 'key' | 'envoyPatches' | 'telemetries'>,
  settings: ChainSettings,
): WorkloadChains {
  const reported = { telemetries: policies.telemetries, measured: { kind: 'workload' as const } };
  const [namespace = '', name = ''] = policies.key.split('/');
  const http = httpChain({
    name: HTTP,
    statPrefix: HTTP,
    routeName: HTTP,
    filters: requestFilters(policies, settings),
    pathNormalization: settings.providers.extensions.pathNormalization,
    accessLogs: reports({ ...reported, protocol: 'http' }, settings),
    tracing: spans(reported, { namespace, name }, settings),
  });
  const tcp = tcpChain({
    name: TCP,
    statPrefix: TCP,
    filters: connectionFilters(policies.authorizationPolicies, settings),
    accessLogs: reports({ ...reported, protocol: 'tcp' }, settings),
    clusters: [{ name: ENCAP, weight: 1 }],
  });
  const patched = (chain: FilterChainDraft, chainName: string) => {
    const { filters = [], ...rest } = patchedChain(chain, patchesOf(policies), { port: null });
    return { ...rest, name: chainName, filters: [keepDestination(), ...filters] };
  };
  return {
    addresses: addresses.map((address) => ({ address, prefixLength: address.includes(':') ? 128 : 32 })),
    http: patched(http, HTTP),
    tcp: patched(tcp, TCP),
  };
}

export const directRoutes = (): RouteConfiguration =>
  RouteConfiguration.fromPartial({
    name: HTTP,
    virtualHosts: [
      {
        name: HTTP,
        domains: ['*'],
        routes: [
          {
            name: 'default',
            match: { pathSpecifier: { $case: 'prefix', value: '/' } },
            action: {
              $case: 'route',
              value: { clusterSpecifier: { $case: 'cluster', value: ENCAP }, timeout: duration(0) },
            },
          },
        ],
      },
    ],
  });

/** What was shared with this listener is shared once; the next one needs it, too. */
function keepDestination() {
  return filter('envoy.filters.network.set_filter_state', SetFilterState, {
    onNewConnection: [
      {
        key: { $case: 'objectKey', value: STATE_ORIGINAL_DST },
        value: {
          $case: 'formatString',
          value: {
            format: {
              $case: 'textFormatSource',
              value: { specifier: { $case: 'inlineString', value: `%FILTER_STATE(${STATE_ORIGINAL_DST}:PLAIN)%` } },
            },
          },
        },
        sharedWithUpstream: FilterStateValue_SharedWithUpstream.ONCE,
      },
    ],
  });
}
