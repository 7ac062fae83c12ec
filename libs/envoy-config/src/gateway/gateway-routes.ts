import { covers } from '@weft/gateway-api';
import type { IngressListener, RouteDestinations } from '@weft/mesh-model';
import { splicedRoutes, type EncodedRoutes } from '../messages/spliced-routes.js';
import { respond, type RouteDraft } from '../routes/forward.js';
import { gatewayApiRoutes } from '../routes/gateway-api-route.js';
import { grpcRoutes } from '../routes/grpc-route.js';
import { withHeldRequests, type OnDemandClusters } from './on-demand.js';
import { withListenerPort } from './redirect-port.js';
import { RoutesByHost, type Host } from './routes-by-host.js';

const MAX_DIRECT_RESPONSE_BYTES = 1_048_576;
const MISDIRECTED_REQUEST = 421;

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
export function gatewayRoutes(asked: GatewayRoutes): EncodedRoutes {
  const { name, port, listeners, elsewhere, destinations, onDemand } = asked;
  const hosts = new Map<Host, readonly RouteDraft[]>();
  const all = [...listeners, ...elsewhere];
  for (const listener of listeners) {
    const routes = new RoutesByHost(listener);
    for (const host of new Set([listener.hostname, ...routes.hosts]))
      if (ownerOf(host, all) === listener) hosts.set(host, routesOfHost(host, routes, destinations));
  }
  for (const { hostname } of elsewhere) hosts.set(hostname, [MISDIRECTED]);
  const entry = { port, isTls: listeners[0]?.protocol === 'HTTPS' };
  return splicedRoutes(
    {
      name,
      validateClusters: false,
      ignorePortInHostMatching: true,
      maxDirectResponseBodySizeBytes: MAX_DIRECT_RESPONSE_BYTES,
    },
    [...hosts]
      .map(([host, routes]) => [host ?? '*', routes] as const)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([domain, routes]) => ({
        host: { name: `${domain}:${port}`, domains: [domain], includeRequestAttemptCount: true },
        routes: routes.map((route) => withHeldRequests(withListenerPort(route, entry), onDemand)),
      })),
  );
}

/** A client that keeps using a connection for a host that another listener serves is told to open another one. */
const MISDIRECTED: RouteDraft = {
  name: 'misdirected',
  match: { pathSpecifier: { $case: 'prefix', value: '/' } },
  action: respond(MISDIRECTED_REQUEST),
};

/** The most specific listener that serves the host. */
function ownerOf(host: Host, listeners: readonly IngressListener[]): IngressListener | undefined {
  const serving = listeners.filter(
    ({ hostname }) => hostname === undefined || hostname === host || coversHost(hostname, host),
  );
  if (serving.length < 2) return serving[0];
  return serving.toSorted((a, b) => lengthOf(b.hostname) - lengthOf(a.hostname))[0];
}

const coversHost = (wide: string, host: Host): boolean => host !== undefined && covers(wide, host);
/** A host without wildcard is more specific than any with one. */
const lengthOf = (host: Host): number =>
  host === undefined ? 0 : host.startsWith('*') ? host.length : 1000 + host.length;

/** Routes for the host itself go before those for hosts that take it in, the longest of those first. */
function routesOfHost(host: Host, routes: RoutesByHost, destinations: RouteDestinations): readonly RouteDraft[] {
  const patterns = routes.patternsFor(host).toSorted((a, b) => lengthOf(b) - lengthOf(a));
  return patterns.flatMap((pattern) => {
    const calls = routes.grpcRoutes.get(pattern);
    const requests = gatewayApiRoutes(routes.httpRoutes.get(pattern) ?? [], destinations);
    return calls === undefined ? requests : [...grpcRoutes(calls, destinations), ...requests];
  });
}
