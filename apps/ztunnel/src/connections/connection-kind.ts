import type { ConnectionOpened } from '../dataplane/messages.js';
import type { Traffic } from '../telemetry/traffic-labels.js';
import type { ByteCounters } from '../telemetry/traffic-metrics.js';

/** What is kept of a `ConnectionOpened` besides what is the connection's own. */
export type KindDetails = Pick<
  ConnectionOpened,
  'podUid' | 'direction' | 'transport' | 'destination' | 'actualDestination' | 'peerIdentity' | 'trace'
>;

/** What connections from one client to one destination have in common. */
export interface ConnectionKind {
  readonly details: KindDetails;
  /** The client's address without its port. */
  readonly sourceHost: string;
  readonly traffic: Traffic;
  readonly authority: string | null;
  readonly bytes: ByteCounters;
}

/** Makes one kind for connections that are alike and follow each other, as nearly all do; more of them would only be larger. */
export class ConnectionKinds {
  readonly #last = new WeakMap<Traffic, ConnectionKind>();

  of(
    opened: ConnectionOpened,
    { traffic, authority, bytes }: Pick<ConnectionKind, 'traffic' | 'authority' | 'bytes'>,
  ): ConnectionKind {
    const sourceHost = opened.source.slice(0, opened.source.lastIndexOf(':'));
    const last = this.#last.get(traffic);
    if (last?.sourceHost === sourceHost && last.authority === authority && last.bytes === bytes) {
      if (isAlike(last.details, opened)) return last;
    }
    const { podUid, direction, transport, destination, actualDestination, peerIdentity, trace } = opened;
    const details = { podUid, direction, transport, destination, actualDestination, peerIdentity };
    const kind: ConnectionKind = {
      details: trace === undefined ? details : { ...details, trace },
      sourceHost,
      traffic,
      authority,
      bytes,
    };
    this.#last.set(traffic, kind);
    return kind;
  }
}

function isAlike(a: KindDetails, b: KindDetails): boolean {
  return (
    a.podUid === b.podUid &&
    a.direction === b.direction &&
    a.transport === b.transport &&
    a.destination === b.destination &&
    a.actualDestination === b.actualDestination &&
    a.peerIdentity === b.peerIdentity &&
    a.trace === b.trace
  );
}
