import { FilterStateValue_SharedWithUpstream as Shared } from '@weft/xds/gen/envoy/extensions/filters/common/set_filter_state/v3/value.js';
import { Config as HttpFilterState } from '@weft/xds/gen/envoy/extensions/filters/http/set_filter_state/v3/set_filter_state.js';
import { Config as NetworkFilterState } from '@weft/xds/gen/envoy/extensions/filters/network/set_filter_state/v3/set_filter_state.js';
import { Router } from '@weft/xds/gen/envoy/extensions/filters/http/router/v3/router.js';
import {
  HttpConnectionManager,
  HttpConnectionManager_ForwardClientCertDetails as ClientCertificate,
} from '@weft/xds/gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager.js';
import { DownstreamTlsContext } from '@weft/xds/gen/envoy/extensions/transport_sockets/tls/v3/tls.js';
import type { AttachedRoute, IngressListener, ListenerClients, NamedCredential, Referring } from '@weft/mesh-model';
import { STATE_ORIGINAL_SRC, STATE_PEER_PRINCIPAL } from '../connections/well-known-keys.js';
import { CertificateValidationContext_TrustChainVerification as Verification } from '@weft/xds/gen/envoy/extensions/transport_sockets/tls/v3/common.js';
import { trustedCaOf } from '../connections/backend-tls-socket.js';
import { ADS, ADS_SECRETS } from '../messages/config-source.js';
import { filter } from '../messages/extension.js';
import type { AddressFamilies } from '../messages/listen-addresses.js';
import { backendTargets, type StreamBackendContext, type StreamTarget } from '../routes/stream-rules.js';
import { BLACK_HOLE } from '../connections/inner-clusters.js';
import type { FilterChainDraft } from '../chains/filter-chain.js';
import {
  tcpChain,
  type AccessLogDraft,
  type HttpFilterDraft,
  type NetworkFilterDraft,
} from '../chains/filter-chain.js';
import type { TracingDraft } from '../telemetry/tracing.js';
import { heldConnections, onDemandFilter, type OnDemandClusters } from './on-demand.js';

export interface GatewayFilters {
  readonly http: readonly HttpFilterDraft[];
  readonly tcp: readonly NetworkFilterDraft[];
  readonly onDemand: OnDemandClusters;
  readonly families: AddressFamilies;
  readonly logs: { readonly http: readonly AccessLogDraft[]; readonly tcp: readonly AccessLogDraft[] };
  readonly tracing: TracingDraft | null;
}

/** For requests; the route configuration comes by its name. */
export function requestChain(
  name: string,
  port: number,
  filters: GatewayFilters,
  clients: ListenerClients | null = null,
): FilterChainDraft {
  return {
    name,
    filters: [
      filter('envoy.filters.network.http_connection_manager', HttpConnectionManager, {
        statPrefix: `outbound_0.0.0.0_${port}`,
        routeSpecifier: { $case: 'rds', value: { routeConfigName: name, configSource: ADS } },
        // The client is outside: what it says of itself in x-forwarded-for is not believed.
        useRemoteAddress: true,
        forwardClientCertDetails: ClientCertificate.SANITIZE_SET,
        setCurrentClientCertDetails: { subject: true, cert: true, dns: true, uri: true },
        serverName: 'istio-envoy',
        normalizePath: true,
        accessLog: [...filters.logs.http],
        ...(filters.tracing === null ? {} : { tracing: filters.tracing }),
        upgradeConfigs: [{ upgradeType: 'websocket' }],
        httpFilters: [
          filter('client', HttpFilterState, { onRequestHeaders: client(clients?.isStrict ?? true) }),
          ...filters.http,
          onDemandFilter(),
          filter('envoy.filters.http.router', Router, {}),
        ],
      }),
    ],
  };
}

/** For connections that are not looked into. Nothing to go to: closed. */
export function connectionChain(
  name: string,
  targets: readonly StreamTarget[],
  filters: GatewayFilters,
): FilterChainDraft {
  return tcpChain({
    name,
    statPrefix: name,
    filters: [filter('client', NetworkFilterState, { onNewConnection: client(true) }), ...filters.tcp],
    accessLogs: filters.logs.tcp,
    ...(targets.some(({ name: to }) => filters.onDemand.has(to)) ? heldConnections : {}),
    clusters: targets.length > 0 ? targets : [{ name: BLACK_HOLE, weight: 1 }],
  });
}

/** Of TCPRoutes every one takes all connections: the oldest is in force. */
export function oldestTargets(
  kind: Referring['kind'],
  routes: readonly AttachedRoute<StreamSpec>[],
  context: StreamBackendContext,
): readonly StreamTarget[] {
  const [oldest] = routes;
  if (oldest === undefined) return [];
  return backendTargets({ kind, namespace: oldest.meta.namespace }, oldest.spec.rules[0]?.backendRefs ?? [], context);
}

type StreamSpec = IngressListener['tcpRoutes'][number]['spec'];

/** Who the client is, where policies look for it in waypoints, too. The last hop counts, not what headers say. */
const client = (isVerified: boolean) => [
  // Whoever is let in unverified may write into a certificate what it wants.
  ...(isVerified ? [state(STATE_PEER_PRINCIPAL, '%DOWNSTREAM_PEER_URI_SAN%', 'envoy.string')] : []),
  state(STATE_ORIGINAL_SRC, '%DOWNSTREAM_DIRECT_REMOTE_ADDRESS%', ''),
];

/** Without a factory: the key has one of its own. */
function state(key: string, format: string, factoryKey: string) {
  return {
    key: { $case: 'objectKey' as const, value: key },
    factoryKey,
    value: {
      $case: 'formatString' as const,
      value: {
        format: {
          $case: 'textFormatSource' as const,
          value: { specifier: { $case: 'inlineString' as const, value: format } },
        },
      },
    },
    sharedWithUpstream: Shared.NONE,
    skipIfEmpty: true,
  };
}

/** Ends TLS with certificates that come by their names, so that a new one changes no listener. */
export const serverTls = (
  certificates: readonly NamedCredential[],
  alpnProtocols: readonly string[],
  clients: ListenerClients | null = null,
) =>
  filter('envoy.transport_sockets.tls', DownstreamTlsContext, {
    requireClientCertificate: clients?.isStrict === true,
    commonTlsContext: {
      alpnProtocols: [...alpnProtocols],
      tlsCertificateSdsSecretConfigs: certificates.map(({ name }) => ({ name, sdsConfig: ADS_SECRETS })),
      ...(clients === null
        ? {}
        : { validationContextType: { $case: 'validationContext', value: validationOf(clients) } }),
    },
  });

const validationOf = ({ roots, isStrict }: ListenerClients) => ({
  trustedCa: { specifier: trustedCaOf(roots) },
  trustChainVerification: isStrict ? Verification.VERIFY_TRUST_CHAIN : Verification.ACCEPT_UNTRUSTED,
});
