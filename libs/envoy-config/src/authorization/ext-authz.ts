import type { ExtAuthzGrpcProvider, ExtAuthzHttpProvider } from '@weft/mesh-api';
import { ExtAuthz } from '@weft/xds/gen/envoy/extensions/filters/http/ext_authz/v3/ext_authz.js';
import { ExtAuthz as NetworkExtAuthz } from '@weft/xds/gen/envoy/extensions/filters/network/ext_authz/v3/ext_authz.js';
import { ApiVersion } from '@weft/xds/gen/envoy/config/core/v3/config_source.js';
import type { HttpService } from '@weft/xds/gen/envoy/extensions/filters/http/ext_authz/v3/ext_authz.js';
import type { MetadataMatcher } from '@weft/xds/gen/envoy/type/matcher/v3/metadata.js';
import { StatusCode, statusCodeFromJSON } from '@weft/xds/gen/envoy/type/v3/http_status.js';
import type { Draft } from '../messages/draft.js';
import { duration } from '../messages/duration.js';
import { filter } from '../messages/extension.js';
import { hostOf, type Providers } from '../providers/provider-lookup.js';
import { endsWith, exactly, matches, startsWith, type StringMatcherDraft } from '../routes/string-matcher.js';

type Enabled = Draft<typeof MetadataMatcher>;

const TIMEOUT_MS = 600_000;

/** Null: the provider is not there, is of another kind, or its host is no service of the mesh. */
export function httpExtAuthz(name: string, providers: Providers, filterEnabledMetadata: Enabled) {
  const { envoyExtAuthzHttp: http, envoyExtAuthzGrpc: grpc } = providers.find(name) ?? {};
  const server = http ?? grpc;
  const cluster = server === undefined ? null : providers.clusterOf(server);
  if (server === undefined || cluster === null) return null;
  const { failOpen, clearRouteCache, statusOnError, includeRequestBodyInCheck: body } = server;
  return filter('envoy.filters.http.ext_authz', ExtAuthz, {
    transportApiVersion: ApiVersion.V3,
    services:
      http === undefined
        ? { $case: 'grpcService', value: grpcService(grpc!, cluster) }
        : { $case: 'httpService', value: httpService(http, cluster) },
    ...(http === undefined ? {} : { allowedHeaders: headerMatchers(requestHeaders(http)) }),
    failureModeAllow: failOpen ?? false,
    clearRouteCache: clearRouteCache ?? false,
    statusOnError: { code: statusCode(statusOnError) },
    ...(body?.maxRequestBytes === undefined || body.maxRequestBytes === 0
      ? {}
      : {
          withRequestBody: {
            maxRequestBytes: body.maxRequestBytes,
            allowPartialMessage: body.allowPartialMessage ?? false,
            packAsBytes: body.packAsBytes ?? false,
          },
        }),
    filterEnabledMetadata,
  });
}

/** Envoy refuses codes that it has no name for. */
function statusCode(text: string | undefined): StatusCode {
  const code = statusCodeFromJSON(Number(text));
  return code === StatusCode.UNRECOGNIZED ? StatusCode.Forbidden : code;
}

/** Null also for a server that speaks HTTP: it has no question about a connection. */
export function tcpExtAuthz(name: string, providers: Providers, filterEnabledMetadata: Enabled) {
  const { envoyExtAuthzGrpc: grpc } = providers.find(name) ?? {};
  const cluster = grpc === undefined ? null : providers.clusterOf(grpc);
  if (grpc === undefined || cluster === null) return null;
  return filter('envoy.filters.network.ext_authz', NetworkExtAuthz, {
    statPrefix: 'tcp.',
    transportApiVersion: ApiVersion.V3,
    grpcService: grpcService(grpc, cluster),
    failureModeAllow: grpc.failOpen ?? false,
    filterEnabledMetadata,
  });
}

const grpcService = ({ timeout, service }: ExtAuthzGrpcProvider, clusterName: string) => ({
  targetSpecifier: { $case: 'envoyGrpc' as const, value: { clusterName, authority: hostOf(service) } },
  timeout: duration(timeout ?? TIMEOUT_MS),
});

function httpService(provider: ExtAuthzHttpProvider, cluster: string): Draft<typeof HttpService> {
  const { service, timeout, pathPrefix, includeAdditionalHeadersInCheck: added } = provider;
  return {
    serverUri: {
      uri: `http://${hostOf(service)}`,
      httpUpstreamType: { $case: 'cluster', value: cluster },
      timeout: duration(timeout ?? TIMEOUT_MS),
    },
    pathPrefix: pathPrefix ?? '',
    authorizationRequest: {
      headersToAdd: Object.entries(added)
        .sort(([a], [b]) => (a < b ? -1 : 1))
        .map(([key, value]) => ({ key, value })),
    },
    authorizationResponse: {
      allowedUpstreamHeaders: headerMatchers(provider.headersToUpstreamOnAllow),
      allowedClientHeadersOnSuccess: headerMatchers(provider.headersToDownstreamOnAllow),
      allowedClientHeaders: headerMatchers(provider.headersToDownstreamOnDeny),
    },
  };
}

const requestHeaders = ({ includeRequestHeadersInCheck: own, includeHeadersInCheck: old }: ExtAuthzHttpProvider) =>
  own.length > 0 ? own : old;

/** Undefined without any: Envoy refuses an empty list. */
function headerMatchers(names: readonly string[]) {
  const named = names.filter((name) => name !== '');
  return named.length === 0 ? undefined : { patterns: named.map(headerMatcher) };
}

/** `x-*`, `*-id` or a whole name, in any case. */
function headerMatcher(name: string): StringMatcherDraft {
  if (name === '*') return matches('.*');
  const matcher = name.startsWith('*')
    ? endsWith(name.slice(1))
    : name.endsWith('*')
      ? startsWith(name.slice(0, -1))
      : exactly(name);
  return { ...matcher, ignoreCase: true };
}
