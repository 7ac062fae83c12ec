import type { BoundVirtualService, IngressGateway, IstioServer } from '@weft/mesh-model';
import { VirtualHost_TlsRequirementType as TlsRequirement } from '@weft/xds/gen/envoy/config/route/v3/route_components.js';
import { encodedHost, type EncodedHost, type EncodedRoutes } from '../messages/spliced-routes.js';
import type { MeshSettings } from '../resources/mesh-settings.js';
import { istioRoutes } from '../routes/istio-route.js';
import { isSeenStream, istioStreamTargets, istioTcpTargets } from '../routes/istio-tcp-route.js';
import type { FilterChainDraft } from '../chains/filter-chain.js';
import { connectionChain, requestChain, type GatewayFilters } from './gateway-chains.js';
import { encodedHosts, MISDIRECTED } from './gateway-routes.js';
import { withHeldRequests } from './on-demand.js';
import { istioServerTls } from './server-tls.js';

const HTTP_ALPN = ['h2', 'http/1.1'];

/** Where servers of Istio's Gateways are: on one port of one gateway. */
export interface IstioPort {
  readonly port: number;
  readonly gateway: IngressGateway;
  readonly filters: GatewayFilters;
  readonly mesh: Pick<MeshSettings, 'clusterDomain' | 'defaults'>;
}

export interface IstioPortParts {
  readonly chains: readonly FilterChainDraft[];
  readonly routes: readonly EncodedRoutes[];
}

/** Servers of one port, which all share it: see `PortClaims`. */
export function istioPort(servers: readonly IstioServer[], at: IstioPort): IstioPortParts {
  const [first] = servers;
  if (first === undefined) return { chains: [], routes: [] };
  if (first.kind === 'http') {
    const name = `http.${at.port}`;
    return { chains: [requestChain(name, at.port, at.filters)], routes: [encodedHosts(name, istioHosts(servers, at))] };
  }
  if (first.kind === 'tcp') return { chains: [plainChain(`tcp.${at.port}`, first, at)], routes: [] };
  const parts = servers.map((server) => tlsPart(server, servers, at));
  return { chains: parts.flatMap(({ chains }) => chains), routes: parts.flatMap(({ routes }) => routes) };
}

function tlsPart(server: IstioServer, all: readonly IstioServer[], at: IstioPort): IstioPortParts {
  const { kind, tls, portName, gateway, hosts } = server;
  const [namespace = '', name = ''] = gateway.split('/');
  const names = serverNames(hosts);
  if (kind === 'https' && tls !== null) {
    const chain = `https.${at.port}.${portName}.${name}.${namespace}`;
    return {
      chains: [
        {
          ...requestChain(chain, at.port, at.filters),
          ...names,
          transportSocket: istioServerTls(tls, server, HTTP_ALPN),
        },
      ],
      routes: [encodedHosts(chain, istioHosts([server], at, narrowerHosts(server, all)))],
    };
  }
  if (kind === 'tls' && tls !== null) {
    const chain = plainChain(`tls.${at.port}.${portName}.${name}.${namespace}`, server, at);
    return { chains: [{ ...chain, ...names, transportSocket: istioServerTls(tls, server, []) }], routes: [] };
  }
  return { chains: passthroughChains(server, at), routes: [] };
}

/** Hosts of other servers of the port within this one's: their handshakes have other demands, which nobody gets around by another name. */
const narrowerHosts = (server: IstioServer, all: readonly IstioServer[]): readonly string[] =>
  all
    .filter((other) => other !== server && other.kind === 'https')
    .flatMap(({ hosts }) =>
      hosts.filter(
        (host) => server.hosts.some((own) => own !== host && isWithin(host, own)) && !server.hosts.includes(host),
      ),
    );

/** Any host is any name, and no name, too. */
const serverNames = (hosts: readonly string[]): Partial<Pick<FilterChainDraft, 'filterChainMatch'>> =>
  hosts.includes('*') ? {} : { filterChainMatch: { serverNames: [...hosts].sort() } };

const contextOf = ({ gateway }: IstioServer, { port, gateway: { namespace, destinations }, mesh }: IstioPort) => ({
  clusterDomain: mesh.clusterDomain,
  defaultRetries: mesh.defaults?.defaultHttpRetryPolicy,
  port,
  gateway,
  clientNamespace: namespace,
  destinations,
});

/** By the first rule for TCP that applies. */
function plainChain(name: string, server: IstioServer, at: IstioPort): FilterChainDraft {
  const targets = istioTcpTargets(server.virtualServices, contextOf(server, at)) ?? [];
  return connectionChain(name, targets, at.filters);
}

/** A chain for each name that a rule asks for; of two for one name the first stays. */
function passthroughChains(server: IstioServer, at: IstioPort): readonly FilterChainDraft[] {
  const context = contextOf(server, at);
  const found = new Map<string, FilterChainDraft>();
  for (const { meta, spec, hosts } of server.virtualServices) {
    for (const { match, route } of spec.tls) {
      const seen = match.filter((one) => isSeenStream(one, context, meta.namespace));
      const names = seen.flatMap(({ sniHosts }) => sniHosts.map((name) => name.toLowerCase()));
      const targets = istioStreamTargets(route, meta.namespace, context);
      for (const sni of names.filter((name) => hosts.some((host) => isWithin(name, host))))
        if (!found.has(sni))
          found.set(sni, { ...connectionChain(`tls.${at.port}.${sni}`, targets, at.filters), ...serverNames([sni]) });
    }
  }
  return [...found.values()];
}

const isWithin = (name: string, host: string): boolean =>
  host === '*' || name === host || (host.startsWith('*') && name.endsWith(host.slice(1)) && name.length >= host.length);

interface HostRoutes {
  /** The servers' order, then the oldest first. */
  readonly from: (readonly [IstioServer, BoundVirtualService])[];
  redirects: boolean;
}

/** A virtual host for each host that a VirtualService and a server have in common; what none has is answered 404. */
export function istioHosts(
  servers: readonly IstioServer[],
  at: IstioPort,
  elsewhere: readonly string[] = [],
): readonly EncodedHost[] {
  const byHost = new Map<string, HostRoutes>();
  const entry = (host: string): HostRoutes => {
    const known = byHost.get(host) ?? { from: [], redirects: false };
    byHost.set(host, known);
    return known;
  };
  for (const server of servers) {
    for (const service of server.virtualServices)
      for (const host of service.hosts)
        if (!elsewhere.some((other) => isWithin(host, other))) entry(host).from.push([server, service]);
    if (server.httpsRedirect)
      for (const host of [...server.hosts, ...server.virtualServices.flatMap((one) => one.hosts)])
        entry(host).redirects = true;
  }
  const hostOf = (domain: string) => ({ name: `${domain}:${at.port}`, domains: [domain] });
  return [
    ...[...byHost].map(([domain, { from, redirects }]) =>
      encodedHost({
        host: {
          ...hostOf(domain),
          includeRequestAttemptCount: true,
          ...(redirects ? { requireTls: TlsRequirement.ALL } : {}),
        },
        routes: from.flatMap(([server, service]) =>
          istioRoutes([service], contextOf(server, at)).map((route) => withHeldRequests(route, at.filters.onDemand)),
        ),
      }),
    ),
    ...[...new Set(elsewhere)].map((domain) => encodedHost({ host: hostOf(domain), routes: [MISDIRECTED] })),
  ];
}
