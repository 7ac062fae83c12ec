import type { AttachedService } from '@weft/mesh-model';
import { effectivePolicy, withMeshDefaults } from '../clusters/effective-policy.js';
import { patchedChain } from '../patches/patched-chain.js';
import { streamRouting, type StreamTarget } from '../routes/stream-rules.js';
import { reports, spans } from '../telemetry/reports.js';
import { hostResolver, isDynamic, namesItsServer, serverNameResolver } from './dynamic-hosts.js';
import { vipServiceOf } from '../services/attached-view.js';
import { BLACK_HOLE } from '../connections/inner-clusters.js';
import type { ServiceChains, StreamPort } from './main-internal.js';
import type { ChainSettings } from '../chains/chain-settings.js';
import { httpChain, tcpChain, type FilterChainDraft, type NetworkFilterDraft } from '../chains/filter-chain.js';
import { connectionFilters, requestFilters } from '../chains/request-filters.js';
import { patchesOf } from '../patches/patches-of.js';
import { stacksOf, vipName, type VipPort } from '../services/vip-service.js';

/** What is done to the traffic of a service, port by port. */
export function attachedChains(attached: AttachedService, settings: ChainSettings): ServiceChains {
  const service = vipServiceOf(attached.claim, attached.addresses);
  const streams = new Map<number, StreamPort>();
  const patches = patchesOf(attached);
  const chains = service.ports.flatMap((port) =>
    stacksOf(port).flatMap((stack) => {
      if (stack === 'http')
        return [patchedChain(requestChain(attached, port, settings), patches, { port: port.number })];
      if (isDynamic(attached)) return dynamicChains(attached, port, { settings, streams });
      const { clusterDomain } = settings;
      const routing = streamRouting(attached, {
        clusterDomain,
        port: port.number,
        destinations: attached.destinations,
      });
      const named = routing.rules.map((rule, i) => ({ ...rule, chain: `${chainName(attached, port, 'tcp')}/${i}` }));
      const byName = named.flatMap(({ serverNames, chain }) => serverNames.map((name) => ({ name, chain })));
      if (routing.opaque || byName.length > 0) streams.set(port.number, { opaque: routing.opaque, byName });
      const name = chainName(attached, port, 'tcp');
      return [
        streamChain(attached, port, { name, targets: routing.others ?? [{ name, weight: 1 }], settings }),
        ...named.map(({ chain, targets }) => streamChain(attached, port, { name: chain, targets, settings })),
      ].map((chain) => patchedChain(chain, patches, { port: port.number }));
    }),
  );
  return { service, chains, streams };
}

const chainName = ({ claim }: AttachedService, { number }: VipPort, stack: 'http' | 'tcp'): string =>
  vipName(claim.hostname, number, stack);
const statPrefixOf = ({ number }: VipPort): string => `inbound_0.0.0.0_${number};`;

function requestChain(attached: AttachedService, port: VipPort, settings: ChainSettings): FilterChainDraft {
  const name = chainName(attached, port, 'http');
  return httpChain({
    name,
    statPrefix: statPrefixOf(port),
    routeName: name,
    filters: [...requestFilters(attached, settings), ...(isDynamic(attached) ? [hostResolver(attached)] : [])],
    pathNormalization: settings.providers.extensions.pathNormalization,
    accessLogs: reports({ ...reported(attached), protocol: protocolLabel(port) }, settings),
    tracing: spans(reported(attached), attached.waypoint, settings),
  });
}

interface DynamicOptions {
  readonly settings: ChainSettings;
  /** Is told of the names. */
  readonly streams: Map<number, StreamPort>;
}

/** A connection that does not say where it wants to go, or somewhere else, is closed. */
function dynamicChains(
  attached: AttachedService,
  port: VipPort,
  { settings, streams }: DynamicOptions,
): readonly FilterChainDraft[] {
  const name = chainName(attached, port, 'tcp');
  const closed = streamChain(attached, port, { name, targets: [], settings });
  if (!namesItsServer(attached, port)) return [closed];
  const chain = `${name}/named`;
  streams.set(port.number, { opaque: true, byName: [{ name: attached.claim.hostname, chain }] });
  const resolver = serverNameResolver(attached, port);
  const named = streamChain(attached, port, { name: chain, targets: [{ name, weight: 1 }], settings, resolver });
  return [closed, named].map((one) => patchedChain(one, patchesOf(attached), { port: port.number }));
}

interface StreamDestination {
  readonly name: string;
  readonly targets: readonly StreamTarget[];
  readonly settings: ChainSettings;
  readonly resolver?: NetworkFilterDraft;
}

/** Nothing to go to, or nothing with any weight: closed. */
function streamChain(
  attached: AttachedService,
  port: VipPort,
  { name, targets, settings, resolver }: StreamDestination,
): FilterChainDraft {
  const { authorizationPolicies, destinationRules } = attached;
  const { connectionPool, loadBalancer, tunnel } = withMeshDefaults(
    effectivePolicy(destinationRules, port.number),
    settings.providers.extensions.defaultTrafficPolicy,
  );
  const { idleTimeout, maxConnectionDuration } = connectionPool?.tcp ?? {};
  return tcpChain({
    name,
    statPrefix: statPrefixOf(port),
    filters: [...connectionFilters(authorizationPolicies, settings), ...(resolver === undefined ? [] : [resolver])],
    accessLogs: reports({ ...reported(attached), protocol: 'tcp' }, settings),
    clusters: targets.length > 0 ? targets : [{ name: BLACK_HOLE, weight: 1 }],
    // Only to the service itself: what its rule says is about its own endpoints.
    ...(tunnel === undefined || targets.length !== 1 || targets[0]!.name !== name ? {} : { tunnel }),
    bySourceAddress: loadBalancer?.consistentHash?.useSourceIp === true,
    ...(idleTimeout === undefined ? {} : { idleTimeoutMs: idleTimeout }),
    ...(maxConnectionDuration === undefined ? {} : { maxConnectionMs: maxConnectionDuration }),
  });
}

const reported = ({ claim, telemetries }: AttachedService) => ({
  telemetries,
  measured: { kind: 'service' as const, claim },
});

const protocolLabel = ({ isGrpc }: VipPort): 'http' | 'grpc' => (isGrpc ? 'grpc' : 'http');
