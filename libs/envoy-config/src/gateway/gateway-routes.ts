import { covers } from '@weft/gateway-api';
import type { AttachedRoute, IngressListener, RouteDestinations } from '@weft/mesh-model';
import { RouteConfiguration } from '@weft/xds/gen/envoy/config/route/v3/route.js';
import { respond, type RouteDraft } from '../routes/forward.js';
import { gatewayApiRoutes } from '../routes/gateway-api-route.js';
import { grpcRoutes } from '../routes/grpc-route.js';
import { withHeldRequests, type OnDemandClusters } from './on-demand.js';
import { withListenerPort } from './redirect-port.js';

const MAX_DIRECT_RESPONSE_BYTES = 1_048_576;
const MISDIRECTED = 421;

type Host = string | undefined;

export interface GatewayRoutes {
  readonly name: string;
  readonly port: number;
  /** Those whose requests these are. Of two that serve a host the more specific one has it, with its routes alone. */
  readonly listeners: readonly IngressListener[];
  /** More specific listeners of the same port, which are reached by another name in the handshake. */
  readonly elsewhere: readonly IngressListener[];
  readonly destinations: RouteDestinations;
  readonly onDemand: OnDemandClusters;
}

/** A virtual host for each host that a route or a listener names; what none of them has is answered 404. */
export function gatewayRoutes(asked: GatewayRoutes): RouteConfiguration {
  const { name, port, listeners, elsewhere, destinations, onDemand } = asked;
  const hosts = new Map<Host, readonly RouteDraft[]>();
  const all = [...listeners, ...elsewhere];
  for (const listener of listeners) {
    const routed = [...listener.httpRoutes, ...listener.grpcRoutes].flatMap((one) => one.hosts);
    for (const host of [listener.hostname, ...routed])
      if (ownerOf(host, all) === listener) hosts.set(host, routesOfHost(host, { listener, destinations }));
  }
  for (const { hostname } of elsewhere) hosts.set(hostname, [misdirected()]);
  return RouteConfiguration.fromPartial({
    name,
    validateClusters: false,
    ignorePortInHostMatching: true,
    maxDirectResponseBodySizeBytes: MAX_DIRECT_RESPONSE_BYTES,
    virtualHosts: [...hosts]
      .map(([host, routes]) => [host ?? '*', routes] as const)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([domain, routes]) => ({
        name: `${domain}:${port}`,
        domains: [domain],
        includeRequestAttemptCount: true,
        routes: routes.map((route) =>
          withHeldRequests(withListenerPort(route, { port, isTls: listeners[0]?.protocol === 'HTTPS' }), onDemand),
        ),
      })),
  });
}

/** A client that keeps using a connection for a host that another listener serves is told to open another one. */
const misdirected = (): RouteDraft => ({
  name: 'misdirected',
  match: { pathSpecifier: { $case: 'prefix', value: '/' } },
  action: respond(MISDIRECTED),
});

/** The most specific listener that serves the host. */
function ownerOf(host: Host, listeners: readonly IngressListener[]): IngressListener | undefined {
  const serving = listeners.filter(
    ({ hostname }) => hostname === undefined || hostname === host || coversHost(hostname, host),
  );
  return serving.toSorted((a, b) => lengthOf(b.hostname) - lengthOf(a.hostname))[0];
}

const coversHost = (wide: string, host: Host): boolean => host !== undefined && covers(wide, host);
/** A host without wildcard is more specific than any with one. */
const lengthOf = (host: Host): number =>
  host === undefined ? 0 : host.startsWith('*') ? host.length : 1000 + host.length;

interface HostContext {
  readonly listener: IngressListener;
  readonly destinations: RouteDestinations;
}

/** Routes for the host itself go before those for hosts that take it in, the longest of those first. */
function routesOfHost(host: Host, { listener, destinations }: HostContext): readonly RouteDraft[] {
  const patterns = new Set<Host>();
  for (const { hosts } of [...listener.httpRoutes, ...listener.grpcRoutes])
    for (const one of hosts) if (one === host || one === undefined || coversHost(one, host)) patterns.add(one);
  return [...patterns]
    .toSorted((a, b) => lengthOf(b) - lengthOf(a))
    .flatMap((pattern) => [
      ...grpcRoutes(naming(pattern, listener.grpcRoutes), destinations),
      ...gatewayApiRoutes(naming(pattern, listener.httpRoutes), destinations),
    ]);
}

const naming = <S>(host: Host, routes: readonly AttachedRoute<S>[]): readonly AttachedRoute<S>[] =>
  routes.filter(({ hosts }) => hosts.includes(host));
