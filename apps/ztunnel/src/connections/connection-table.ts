import { parseSocketAddress, type SocketAddress } from '@weft/ip';
import { evaluatePolicies, type PolicyDecision } from '@weft/policy';
import { parseSpiffeId, type SpiffeId } from '@weft/spiffe';
import type { ConnectionClosed, ConnectionOpened } from '../dataplane/messages.js';
import { describeDenial } from '../inbound/describe-denial.js';
import type { MeshView } from '../state/mesh-view.js';
import type { Workload } from '../state/workload.js';
import type { LoggedConnection } from '../telemetry/access-log.js';
import type { ByteCounters } from '../telemetry/traffic-metrics.js';

export interface OpenConnection extends LoggedConnection {
  readonly workerIndex: number;
}

interface Entry {
  readonly connection: OpenConnection;
  readonly bytes: ByteCounters;
  receivedBytes: number;
  sentBytes: number;
  /** Told to close, not closed yet. */
  closing: boolean;
}

export interface DeniedConnection {
  readonly connectionId: number;
  readonly workerIndex: number;
  readonly reason: string;
}

/** Every open connection of the node: what policy needs to look at it again, and how far its bytes were counted. */
export class ConnectionTable {
  readonly #open = new Map<number, Entry>();

  add(connection: OpenConnection, bytes: ByteCounters): void {
    this.#open.set(connection.opened.connectionId, {
      connection,
      bytes,
      receivedBytes: 0,
      sentBytes: 0,
      closing: false,
    });
  }

  /** Counts the last bytes and forgets it; null if it was never opened. */
  close({ connectionId, receivedBytes, sentBytes }: ConnectionClosed): OpenConnection | null {
    const entry = this.#open.get(connectionId);
    if (entry === undefined) return null;
    this.#open.delete(connectionId);
    count(entry, receivedBytes, sentBytes);
    return entry.connection;
  }

  /** Adds what was transferred since the last time, from the cells that workers write. */
  countBytes(counters: readonly Float64Array[]): void {
    for (const entry of this.#open.values()) {
      const { workerIndex, opened } = entry.connection;
      const cells = counters[workerIndex];
      if (cells === undefined) continue;
      count(entry, cells[2 * opened.counterSlot] ?? 0, cells[2 * opened.counterSlot + 1] ?? 0);
    }
  }

  /**
   * Evaluates open inbound connections again, by the destination's present workload; those that are denied now are returned
   * once. Connections of one client to one port share the evaluation.
   */
  reevaluate(
    view: MeshView,
    workloadOf: (podUid: string) => Workload | null,
    only?: number,
  ): readonly DeniedConnection[] {
    const decisions = new Map<string, PolicyDecision | null>();
    const denied: DeniedConnection[] = [];
    const entries =
      only === undefined ? this.#open.values() : [this.#open.get(only)].filter((entry) => entry !== undefined);
    for (const entry of entries) {
      const { opened, workerIndex } = entry.connection;
      if (opened.direction !== 'inbound' || entry.closing) continue;
      const context = contextOf(opened);
      if (context === null) continue;
      const { source, dial, identity, key } = context;
      let decision = decisions.get(key);
      if (decision === undefined) {
        const local = workloadOf(opened.podUid);
        const on = { sourceIp: source.ip, destinationIp: dial.ip, destinationPort: dial.port, identity };
        decision = local === null ? null : evaluatePolicies(on, view.policiesFor(local).policies);
        decisions.set(key, decision);
      }
      if (decision?.decision !== 'deny') continue;
      entry.closing = true;
      denied.push({ connectionId: opened.connectionId, workerIndex, reason: describeDenial(decision) });
    }
    return denied;
  }

  all(): Iterable<OpenConnection> {
    return [...this.#open.values()].map(({ connection }) => connection);
  }

  get size(): number {
    return this.#open.size;
  }
}

function contextOf(
  opened: ConnectionOpened,
): { source: SocketAddress; dial: SocketAddress; identity: SpiffeId | null; key: string } | null {
  const source = parseSocketAddress(opened.source);
  const dial = parseSocketAddress(opened.actualDestination);
  if (source === null || dial === null) return null;
  const parsed = opened.peerIdentity === null ? null : parseSpiffeId(opened.peerIdentity);
  const identity = parsed?.ok === true ? parsed.value : null;
  return {
    source,
    dial,
    identity,
    key: `${opened.podUid} ${source.ip.text} ${opened.peerIdentity ?? ''} ${opened.actualDestination}`,
  };
}

function count(entry: Entry, received: number, sent: number): void {
  if (received > entry.receivedBytes) {
    entry.bytes.received(received - entry.receivedBytes);
    entry.receivedBytes = received;
  }
  if (sent > entry.sentBytes) {
    entry.bytes.sent(sent - entry.sentBytes);
    entry.sentBytes = sent;
  }
}
