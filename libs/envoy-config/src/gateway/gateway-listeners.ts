import type { EnvoyPatch, IngressGateway, IngressListener, IstioServer } from '@weft/mesh-model';
import { TrafficDirection } from '@weft/xds/gen/envoy/config/core/v3/base.js';
import { Listener } from '@weft/xds/gen/envoy/config/listener/v3/listener.js';
import { TlsInspector } from '@weft/xds/gen/envoy/extensions/filters/listener/tls_inspector/v3/tls_inspector.js';
import { listenAddresses, type AddressFamilies } from '../messages/listen-addresses.js';
import { duration } from '../messages/duration.js';
import type { EncodedRoutes } from '../messages/spliced-routes.js';
import { filter } from '../messages/extension.js';
import type { FilterChainDraft } from '../chains/filter-chain.js';
import { patchedChain } from '../patches/patched-chain.js';
import { patchedListener } from '../patches/patched-clusters.js';
import { patchedRoutes } from '../patches/patched-routes.js';
import { gatewayPatchesOf } from '../patches/patches-of.js';
import { connectionChain, oldestTargets, requestChain, serverTls, type GatewayFilters } from './gateway-chains.js';
import { gatewayRoutes } from './gateway-routes.js';
import { istioHosts, istioPort, type IstioPort } from './istio-ports.js';

/** A client that does not begin its handshake is not waited for longer. */
const HANDSHAKE_MS = 15_000;
const HTTP_ALPN = ['h2', 'http/1.1'];

export interface GatewayListeners {
  readonly listeners: readonly Listener[];
  readonly routes: readonly EncodedRoutes[];
}

interface BuiltPort extends PortPart {
  readonly port: number;
  readonly isTls: boolean;
}

interface PortPart {
  readonly chains: readonly FilterChainDraft[];
  readonly routes: readonly EncodedRoutes[];
}

/** One listener of Envoy for each port; those of the Gateway that share it are told apart by the name in the handshake, or by host. */
export function gatewayListeners(
  gateway: IngressGateway,
  filters: GatewayFilters,
  mesh: IstioPort['mesh'],
): GatewayListeners {
  const all = [...gateway.listeners, ...gateway.servers].map(({ port }) => port);
  const ports = [...new Set(all)].sort((a, b) => a - b);
  const built = ports.map((port) => {
    const own = gateway.listeners.filter((one) => one.port === port);
    const servers = gateway.servers.filter((one) => one.port === port);
    const at = { port, gateway, filters, mesh };
    const parts = withServers(portPart(own, servers, at), servers, at);
    return { port, isTls: own.some(isTls) || servers.some(({ kind }) => TLS_KINDS.has(kind)), ...parts };
  });
  const patches = gatewayPatchesOf(gateway);
  return {
    listeners: built
      .filter(({ chains }) => chains.length > 0)
      .map((one) => {
        const chains = patchedChains(one, patches);
        const own = listener(one.port, chains, { inspects: one.isTls, families: filters.families });
        return patchedListener(own, patches, one.port);
      }),
    routes: built.flatMap(({ port, routes }) => routes.map((one) => patchedRoutes(one, patches, port))),
  };
}

const listenerName = (port: number): string => `0.0.0.0_${port}`;

const patchedChains = ({ port, chains, isTls: tls }: BuiltPort, patches: readonly EnvoyPatch[]) =>
  chains.map((one) => {
    const serverNames = one.filterChainMatch?.serverNames ?? [];
    return patchedChain(one, patches, { port, listener: listenerName(port), tls, serverNames });
  });

const TLS_KINDS = new Set<IstioServer['kind']>(['https', 'tls', 'passthrough']);

/** Names in handshakes that the Gateway API leaves are those of Istio's Gateways; hosts of requests likewise, see `gatewayRoutes`. */
function withServers(own: PortPart, servers: readonly IstioServer[], at: IstioPort): PortPart {
  const [first] = servers;
  if (first === undefined) return own;
  if (first.kind === 'http' && own.chains.length > 0) return own;
  const more = istioPort(servers, at);
  return { chains: distinct([...own.chains, ...more.chains]), routes: [...own.routes, ...more.routes] };
}

const isTls = ({ protocol }: IngressListener): boolean => protocol === 'HTTPS' || protocol === 'TLS';

function listener(
  port: number,
  filterChains: readonly FilterChainDraft[],
  { inspects, families }: { readonly inspects: boolean; readonly families: AddressFamilies },
): Listener {
  return Listener.fromPartial({
    name: listenerName(port),
    ...listenAddresses(port, families),
    trafficDirection: TrafficDirection.OUTBOUND,
    listenerFilters: inspects ? [filter('envoy.filters.listener.tls_inspector', TlsInspector, {})] : [],
    filterChains: [...filterChains],
    ...(inspects ? { listenerFiltersTimeout: duration(HANDSHAKE_MS) } : {}),
  });
}

function portPart(own: readonly IngressListener[], servers: readonly IstioServer[], at: IstioPort): PortPart {
  const { port, gateway, filters } = at;
  const { destinations } = gateway;
  const { onDemand } = filters;
  const [first] = own;
  if (first?.protocol === 'HTTP') {
    const name = `http.${port}`;
    const others = istioHosts(servers, at);
    const routes = gatewayRoutes({ name, port, listeners: own, elsewhere: [], destinations, onDemand, others });
    return { chains: [requestChain(name, port, filters)], routes: [routes] };
  }
  if (first?.protocol === 'TCP') {
    const targets = oldestTargets('TCPRoute', first.tcpRoutes, { destinations });
    return { chains: [connectionChain(`tcp.${port}`, targets, filters)], routes: [] };
  }
  const https = own.filter(({ protocol }) => protocol === 'HTTPS');
  const parts = own.map((one) =>
    one.protocol === 'HTTPS'
      ? httpsPart(port, one, https, gateway, filters)
      : { chains: tlsChains(port, one, gateway, filters), routes: [] },
  );
  return { chains: distinct(parts.flatMap(({ chains }) => chains)), routes: parts.flatMap(({ routes }) => routes) };
}

function httpsPart(
  port: number,
  one: IngressListener,
  https: readonly IngressListener[],
  { key, destinations }: IngressGateway,
  filters: GatewayFilters,
): PortPart {
  const name = `https.${port}.${one.name}.${key.replace('/', '.')}`;
  const chain = requestChain(name, port, filters, one.clients);
  const { onDemand } = filters;
  const elsewhere = https.filter(({ hostname }) => hostname !== one.hostname);
  return {
    chains: [
      { ...chain, ...names(one.hostname), transportSocket: serverTls(one.certificates ?? [], HTTP_ALPN, one.clients) },
    ],
    routes: [gatewayRoutes({ name, port, listeners: [one], elsewhere, destinations, onDemand })],
  };
}

/** A chain for each name that a route asks for; on a listener that ends TLS, what none of them names is refused, too. */
function tlsChains(port: number, one: IngressListener, { destinations }: IngressGateway, filters: GatewayFilters) {
  const { certificates } = one;
  return one.tlsRoutes.flatMap((route) =>
    route.hosts.map((host) => ({
      ...connectionChain(
        `tls.${port}.${one.name}.${host ?? '*'}`,
        oldestTargets('TLSRoute', [route], { destinations, encrypted: certificates === null }),
        filters,
      ),
      ...names(host),
      ...(certificates === null ? {} : { transportSocket: serverTls(certificates, []) }),
    })),
  );
}

const names = (host: string | undefined): Pick<FilterChainDraft, 'filterChainMatch'> =>
  host === undefined ? {} : { filterChainMatch: { serverNames: [host] } };

/** Envoy refuses a listener in which two chains have a name in common; the first, of the earlier listener or older route, keeps it. */
function distinct(chains: readonly FilterChainDraft[]): readonly FilterChainDraft[] {
  const seen = new Set<string>();
  const isNew = (name: string): boolean => !seen.has(name) && seen.add(name).size > 0;
  return chains.flatMap((chain) => {
    const { serverNames = [] } = chain.filterChainMatch ?? {};
    if (serverNames.length === 0) return isNew('') ? [chain] : [];
    const own = serverNames.filter(isNew);
    return own.length === 0 ? [] : [{ ...chain, filterChainMatch: { ...chain.filterChainMatch, serverNames: own } }];
  });
}
