import { TrafficDirection } from '@weft/xds/gen/envoy/config/core/v3/base.js';
import { Listener } from '@weft/xds/gen/envoy/config/listener/v3/listener.js';
import type { ListenerFilter } from '@weft/xds/gen/envoy/config/listener/v3/listener_components.js';
import { HttpInspector } from '@weft/xds/gen/envoy/extensions/filters/listener/http_inspector/v3/http_inspector.js';
import { OriginalDst } from '@weft/xds/gen/envoy/extensions/filters/listener/original_dst/v3/original_dst.js';
import { TlsInspector } from '@weft/xds/gen/envoy/extensions/filters/listener/tls_inspector/v3/tls_inspector.js';
import { TcpProxy } from '@weft/xds/gen/envoy/extensions/filters/network/tcp_proxy/v3/tcp_proxy.js';
import { MAIN_INTERNAL } from '../connections/well-known-keys.js';
import type { Draft } from '../messages/draft.js';
import { duration } from '../messages/duration.js';
import { filter } from '../messages/extension.js';
import type { FilterChainDraft } from '../chains/filter-chain.js';
import { BLACK_HOLE } from '../connections/inner-clusters.js';
import {
  byAddress,
  byFirstBytes,
  byPort,
  byServerName,
  toChain,
  type Cidr,
  type OnMatchDraft,
} from '../messages/matcher-tree.js';
import { stacksOf, vipName, type VipPort, type VipService } from '../services/vip-service.js';

type ListenerFilterDraft = Draft<typeof ListenerFilter>;

export interface ServiceChains {
  readonly service: VipService;
  /** By name; see `vipName`. */
  readonly chains: readonly FilterChainDraft[];
  /** Of ports with routes for connections that are not read as HTTP. */
  readonly streams: ReadonlyMap<number, StreamPort>;
}

export interface StreamPort {
  /** Not read as HTTP, whatever it looks like. */
  readonly opaque: boolean;
  /** Chains for TLS connections by the name that is asked for. */
  readonly byName: readonly { readonly name: string; readonly chain: string }[];
}

export interface WorkloadChains {
  /** Of the workloads whose own traffic goes through the waypoint. */
  readonly addresses: readonly Cidr[];
  readonly http: FilterChainDraft & { readonly name: string };
  readonly tcp: FilterChainDraft & { readonly name: string };
}

/** A client that says nothing is taken for a TCP client after so long, where nothing declares the protocol. */
const INSPECTION_MS = 5000;

/** Most handshakes start with less; the buffer grows for the others. */
const HANDSHAKE_BYTES = 512;

/** Decides by the address and port that a tunnel was opened for which service is meant, and what is done to it. */
export function mainInternal(services: readonly ServiceChains[], workloads: WorkloadChains | null): Listener {
  const reachable = services.filter(({ service }) => service.addresses.length > 0);
  const chains = [
    ...reachable.flatMap((one) => one.chains),
    ...(workloads === null ? [] : [workloads.http, workloads.tcp]),
  ];
  const inspector = httpInspector(
    reachable.flatMap(({ service }) => service.ports),
    workloads !== null,
  );
  return Listener.fromPartial({
    name: MAIN_INTERNAL,
    listenerSpecifier: { $case: 'internalListener', value: {} },
    trafficDirection: TrafficDirection.INBOUND,
    listenerFilters: [
      filter('envoy.filters.listener.original_dst', OriginalDst, {}),
      ...tlsInspector(reachable),
      ...inspector,
    ],
    // Differs from Istio, which waits without end: a server that speaks first would never be heard on an undeclared port.
    listenerFiltersTimeout: duration(INSPECTION_MS),
    continueOnListenerFiltersTimeout: true,
    // Envoy refuses a listener without any.
    filterChains: chains.length > 0 ? chains : [blackHole()],
    ...(chains.length > 0 ? { filterChainMatcher: byAddress(entries(reachable, workloads)) } : {}),
  });
}

function entries(services: readonly ServiceChains[], workloads: WorkloadChains | null) {
  return [
    ...services.map(({ service, streams }) => ({
      ranges: service.addresses,
      next: byPort(
        new Map(service.ports.map((port) => [port.number, portChain(service, port, streams.get(port.number))])),
      ),
    })),
    ...(workloads === null
      ? []
      : [
          {
            ranges: workloads.addresses,
            next: byFirstBytes(toChain(workloads.http.name), toChain(workloads.tcp.name)),
          },
        ]),
  ];
}

function portChain({ hostname }: VipService, port: VipPort, stream: StreamPort | undefined): OnMatchDraft {
  const stacks = stacksOf(port);
  const nameOf = (stack: 'http' | 'tcp') => toChain(vipName(hostname, port.number, stack));
  if (!stacks.includes('tcp')) return nameOf('http');
  const named = (stream?.byName ?? []).map(({ name, chain }) => ({ name, next: toChain(chain) }));
  const tcp = named.length === 0 ? nameOf('tcp') : byServerName(named, nameOf('tcp'));
  return stacks.includes('http') && stream?.opaque !== true ? byFirstBytes(nameOf('http'), tcp) : tcp;
}

/** On only for the ports where a name in the handshake decides. */
function tlsInspector(services: readonly ServiceChains[]): readonly ListenerFilterDraft[] {
  const named = services.flatMap(({ streams }) =>
    [...streams].filter(([, { byName }]) => byName.length > 0).map(([port]) => port),
  );
  const wanted = [...new Set(named)].sort((a, b) => a - b);
  if (wanted.length === 0) return [];
  const rules = wanted.map((port) => ({
    rule: { $case: 'destinationPortRange' as const, value: { start: port, end: port + 1 } },
  }));
  const on = rules.length === 1 ? rules[0]! : { rule: { $case: 'orMatch' as const, value: { rules } } };
  const inspector = filter('envoy.filters.listener.tls_inspector', TlsInspector, {
    initialReadBufferSize: HANDSHAKE_BYTES,
  });
  return [{ ...inspector, filterDisabled: { rule: { $case: 'notMatch' as const, value: on } } }];
}

/** Off for the ports that every service declares, so that nothing waits for bytes there that a client never sends first. */
function httpInspector(ports: readonly VipPort[], everyPort: boolean): readonly ListenerFilterDraft[] {
  const sniffed = new Set(ports.filter(({ protocol }) => protocol === 'auto').map(({ number }) => number));
  if (sniffed.size === 0 && !everyPort) return [];
  const inspector = filter('envoy.filters.listener.http_inspector', HttpInspector, {});
  const declared = everyPort
    ? []
    : [...new Set(ports.map(({ number }) => number))].filter((port) => !sniffed.has(port));
  const rules = declared
    .sort((a, b) => a - b)
    .map((port) => ({
      rule: { $case: 'destinationPortRange' as const, value: { start: port, end: port + 1 } },
    }));
  if (rules.length === 0) return [inspector];
  const filterDisabled = rules.length === 1 ? rules[0]! : { rule: { $case: 'orMatch' as const, value: { rules } } };
  return [{ ...inspector, filterDisabled }];
}

function blackHole(): FilterChainDraft {
  const nowhere = { statPrefix: BLACK_HOLE, clusterSpecifier: { $case: 'cluster' as const, value: BLACK_HOLE } };
  return { name: 'blackhole', filters: [filter('envoy.filters.network.tcp_proxy', TcpProxy, nowhere)] };
}
