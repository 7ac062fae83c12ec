import { covers } from '@weft/gateway-api';
import type { IngressListener, RouteDestinations } from '@weft/mesh-model';
import { encodedHost, splicedRoutes, type EncodedHost, type EncodedRoutes } from '../messages/spliced-routes.js';
import { respond, type RouteDraft } from '../routes/forward.js';
import type { OnDemandClusters } from './on-demand.js';
import { routedHost } from './routed-host.js';
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
  readonly others?: readonly EncodedHost[];
}

/** A virtual host for each host that a route or a listener names; what none of them has is answered 404. */
export function gatewayRoutes(asked: GatewayRoutes): EncodedRoutes {
  const { name, port, listeners, elsewhere, destinations, onDemand, others = [] } = asked;
  const own = new Map<Host, EncodedHost>();
  const all = [...listeners, ...elsewhere];
  const around = { entry: { port, isTls: listeners[0]?.protocol === 'HTTPS' }, destinations, onDemand };
  for (const listener of listeners) {
    const routes = new RoutesByHost(listener);
    for (const host of new Set([listener.hostname, ...routes.hosts]))
      if (all.length === 1 || ownerOf(host, all) === listener)
        own.set(host, routedHost(host, routes.layersFor(host), around));
  }
  for (const { hostname } of elsewhere) own.set(hostname, misdirectedHost(hostname, port));
  return encodedHosts(name, beside([...own.values()], others));
}

const misdirectedHost = (host: Host, port: number): EncodedHost => {
  const domain = host ?? '*';
  const named = { name: `${domain}:${port}`, domains: [domain], includeRequestAttemptCount: true };
  return encodedHost({ host: named, routes: [MISDIRECTED] });
};

/** Of two for one domain the first that has routes. */
function beside(own: readonly EncodedHost[], others: readonly EncodedHost[]): readonly EncodedHost[] {
  if (others.length === 0) return own;
  const taken = new Set(own.flatMap(({ hasRoutes, domains }) => (hasRoutes ? domains : [])));
  const added = others.filter(({ domains }) => !domains.some((domain) => taken.has(domain)));
  const again = new Set(added.flatMap(({ domains }) => domains));
  return [...own.filter(({ domains }) => !domains.some((domain) => again.has(domain))), ...added];
}

/** Sorted by domain, so that equal hosts have equal bytes. */
export const encodedHosts = (name: string, hosts: readonly EncodedHost[]): EncodedRoutes =>
  splicedRoutes(
    {
      name,
      validateClusters: false,
      ignorePortInHostMatching: true,
      maxDirectResponseBodySizeBytes: MAX_DIRECT_RESPONSE_BYTES,
    },
    hosts.toSorted((a, b) => (a.domains[0]! < b.domains[0]! ? -1 : 1)),
  );

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
