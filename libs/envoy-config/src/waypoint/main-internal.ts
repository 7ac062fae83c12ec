import { TrafficDirection } from '@weft/xds/gen/envoy/config/core/v3/base.js';
import { Listener } from '@weft/xds/gen/envoy/config/listener/v3/listener.js';
import type { FilterChain, ListenerFilter } from '@weft/xds/gen/envoy/config/listener/v3/listener_components.js';
import { HttpInspector } from '@weft/xds/gen/envoy/extensions/filters/listener/http_inspector/v3/http_inspector.js';
import { OriginalDst } from '@weft/xds/gen/envoy/extensions/filters/listener/original_dst/v3/original_dst.js';
import { TcpProxy } from '@weft/xds/gen/envoy/extensions/filters/network/tcp_proxy/v3/tcp_proxy.js';
import { MAIN_INTERNAL } from '../connections/well-known-keys.js';
import type { Draft } from '../messages/draft.js';
import { duration } from '../messages/duration.js';
import { filter } from '../messages/extension.js';
import { BLACK_HOLE } from './inner-clusters.js';
import { byAddress, byFirstBytes, byPort, toChain, type Cidr, type OnMatchDraft } from './matcher-tree.js';
import { stacksOf, vipName, type VipPort, type VipService } from './vip-service.js';

export type FilterChainDraft = Draft<typeof FilterChain>;
type ListenerFilterDraft = Draft<typeof ListenerFilter>;

export interface ServiceChains {
  readonly service: VipService;
  /** By name; see `vipName`. */
  readonly chains: readonly FilterChainDraft[];
}

export interface WorkloadChains {
  /** Of the workloads whose own traffic goes through the waypoint. */
  readonly addresses: readonly Cidr[];
  readonly http: FilterChainDraft & { readonly name: string };
  readonly tcp: FilterChainDraft & { readonly name: string };
}

/** A client that says nothing is taken for a TCP client after so long, where nothing declares the protocol. */
const INSPECTION_MS = 5000;

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
    listenerFilters: [filter('envoy.filters.listener.original_dst', OriginalDst, {}), ...inspector],
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
    ...services.map(({ service }) => ({
      ranges: service.addresses,
      next: byPort(new Map(service.ports.map((port) => [port.number, portChain(service, port)]))),
    })),
    ...(workloads === null
      ? []
      : [{ ranges: workloads.addresses, next: byFirstBytes(workloads.http.name, workloads.tcp.name) }]),
  ];
}

function portChain({ hostname }: VipService, port: VipPort): OnMatchDraft {
  const names = stacksOf(port).map((stack) => vipName(hostname, port.number, stack));
  return names.length === 2 ? byFirstBytes(names[0]!, names[1]!) : toChain(names[0]!);
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
