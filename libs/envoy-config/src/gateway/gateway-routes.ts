import { covers } from '@weft/gateway-api';
import type { IngressListener, RouteDestinations } from '@weft/mesh-model';
import { splicedRoutes, type EncodedRoutes, type HostWithRoutes } from '../messages/spliced-routes.js';
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
  /** Other listeners of the same port, which are reached by another name in the handshake. */
  readonly elsewhere: readonly IngressListener[];
  readonly destinations: RouteDestinations;
  readonly onDemand: OnDemandClusters;
  /** Hosts of others that share the port: in force where no route of a listener is for the same host. */
  readonly others?: readonly HostWithRoutes[];
}

/** A virtual host for each host that a route or a listener names; what none of them has is answered 404. */
export function gatewayRoutes(asked: GatewayRoutes): EncodedRoutes {
  const { name, port, listeners, elsewhere, destinations, onDemand, others = [] } = asked;
  const hosts = new Map<Host, readonly RouteDraft[]>();
  const all = [...listeners, ...elsewhere];
  for (const listener of listeners) {
    const routes = new RoutesByHost(listener);
    for (const host of new Set([listener.hostname, ...routes.hosts]))
      if (ownerOf(host, all) === listener) hosts.set(host, routesOfHost(host, routes, destinations));
  }
  for (const { hostname } of elsewhere) hosts.set(hostname, [MISDIRECTED]);
  const entry = { port, isTls: listeners[0]?.protocol === 'HTTPS' };
  const own = [...hosts].map(([host, routes]) => {
    const domain = host ?? '*';
    return {
      host: { name: `${domain}:${port}`, domains: [domain], includeRequestAttemptCount: true },
      routes: routes.map((route) => withHeldRequests(withListenerPort(route, entry), onDemand)),
    };
  });
  return encodedHosts(name, beside(own, others));
}

/** Of two for one domain the first that has routes. */
function beside(own: readonly HostWithRoutes[], others: readonly HostWithRoutes[]): readonly HostWithRoutes[] {
  if (others.length === 0) return own;
  const taken = new Set(own.flatMap(({ host, routes }) => (routes.length > 0 ? host.domains : [])));
  const added = others.filter(({ host }) => host.domains?.some((domain) => taken.has(domain)) !== true);
  const again = new Set(added.flatMap(({ host }) => host.domains));
  return [...own.filter(({ host }) => host.domains?.some((domain) => again.has(domain)) !== true), ...added];
}

/** Sorted by domain, so that equal hosts have equal bytes. */
export const encodedHosts = (name: string, hosts: readonly HostWithRoutes[]): EncodedRoutes =>
  splicedRoutes(
    {
      name,
      validateClusters: false,
      ignorePortInHostMatching: true,
      maxDirectResponseBodySizeBytes: MAX_DIRECT_RESPONSE_BYTES,
    },
    hosts.toSorted((a, b) => (domainOf(a) < domainOf(b) ? -1 : 1)),
  );

const domainOf = ({ host }: HostWithRoutes): string => host.domains?.[0] ?? '';

/** A client that keeps using a connection for a host that another listener serves is told to open another one. */
export const MISDIRECTED: RouteDraft = {
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
