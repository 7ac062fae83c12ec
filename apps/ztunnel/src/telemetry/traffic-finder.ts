import { parseSocketAddress } from '@weft/ip';
import type { ConnectionOpened } from '../dataplane/messages.js';
import { attributeService, forwardedHost } from '../inbound/attribute-service.js';
import type { TargetLedger } from '../outbound/target-ledger.js';
import { parseBaggage } from '../state/baggage.js';
import type { MeshView } from '../state/mesh-view.js';
import { identityOf, type Workload } from '../state/workload.js';
import { TrafficCache } from './traffic-cache.js';
import type { Traffic } from './traffic-labels.js';

/** What is told of a connection, open or refused. */
export type TrafficParts = Pick<
  ConnectionOpened,
  | 'podUid'
  | 'direction'
  | 'transport'
  | 'source'
  | 'actualDestination'
  | 'peerIdentity'
  | 'peerBaggage'
  | 'inbound'
  | 'targetId'
>;

export interface TrafficFinderParts {
  readonly state: MeshView;
  readonly network: string;
  readonly ledger: TargetLedger;
  readonly workloadOf: (podUid: string) => Workload | null;
}

/** Who talks to whom on a connection, for logs and metrics. Equal connections share one answer until the mesh changes. */
export class TrafficFinder {
  readonly #cache = new TrafficCache();

  constructor(private readonly parts: TrafficFinderParts) {}

  /** The mesh has changed. */
  clear(): void {
    this.#cache.clear();
  }

  of(of: TrafficParts): Traffic {
    if (of.direction === 'outbound') return this.#cache.get(keyOf(of), () => this.#outbound(of));
    return this.#cache.sharedBy(of.inbound, of.actualDestination, () =>
      this.#cache.get(keyOf(of), () => this.#inbound(of)),
    );
  }

  #outbound(of: TrafficParts): Traffic {
    const local = this.parts.workloadOf(of.podUid);
    const mutualTls = of.transport === 'hbone';
    const target = of.targetId === undefined ? null : this.parts.ledger.get(of.targetId);
    const { workload = null, service = null, innerIdentities = null } = target ?? {};
    // Behind a gateway only the far end itself knows who it is; what is known here stands for all of its network.
    const far = of.peerBaggage === undefined ? null : parseBaggage(of.peerBaggage);
    return {
      reporter: 'source',
      source: local,
      sourceBaggage: null,
      sourcePrincipal: mutualTls && local !== null ? identityOf(local) : null,
      destination: far === null ? workload : null,
      destinationBaggage: far,
      destinationPrincipal:
        innerIdentities !== null ? of.peerIdentity : workload === null ? null : identityOf(workload),
      service,
      mutualTls,
    };
  }

  #inbound(of: TrafficParts): Traffic {
    const { state, network } = this.parts;
    const local = this.parts.workloadOf(of.podUid);
    const peer = parseSocketAddress(of.source);
    const { baggage, forwarded, forwardedNetwork } = of.inbound ?? {};
    const throughGateway = forwardedNetwork !== undefined && forwardedNetwork.toLowerCase() !== network.toLowerCase();
    const port = parseSocketAddress(of.actualDestination)?.port ?? 0;
    return {
      reporter: 'destination',
      source: peer === null || throughGateway ? null : state.workloadByIp(network, peer.ip),
      sourceBaggage: baggage === undefined ? null : parseBaggage(baggage),
      sourcePrincipal: of.transport === 'hbone' ? of.peerIdentity : null,
      destination: local,
      destinationBaggage: null,
      destinationPrincipal: local === null ? null : identityOf(local),
      service: local === null ? null : attributeService(state, local, { port, forwarded }),
      mutualTls: of.transport === 'hbone',
    };
  }
}

function keyOf(of: TrafficParts): string {
  const [network, service] = [of.inbound?.forwardedNetwork, forwardedHost(of.inbound?.forwarded)];
  if (of.direction === 'outbound') {
    const far = of.peerBaggage === undefined ? '' : JSON.stringify([of.peerIdentity, of.peerBaggage]);
    return `${of.podUid} ${of.targetId} ${of.transport} ${far}`;
  }
  return (
    JSON.stringify([of.podUid, of.transport, hostOf(of.source), of.actualDestination, of.peerIdentity]) +
    JSON.stringify([of.inbound?.baggage, network, service])
  );
}

/** `ip:port` without the port. */
function hostOf(address: string): string {
  return address.slice(0, address.lastIndexOf(':'));
}
