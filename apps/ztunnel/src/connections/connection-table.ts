import { parseSocketAddress, type SocketAddress } from '@weft/ip';
import { evaluatePolicies, type PolicyDecision } from '@weft/policy';
import { parseSpiffeId, type SpiffeId } from '@weft/spiffe';
import { DEFAULT_LIMITS } from '../dataplane/limits.js';
import type { ConnectionClosed, ConnectionKey, ConnectionOpened } from '../dataplane/messages.js';
import { describeDenial } from '../inbound/describe-denial.js';
import type { MeshView } from '../state/mesh-view.js';
import type { Workload } from '../state/workload.js';
import { ConnectionKinds, type ConnectionKind } from './connection-kind.js';
import { WorkerConnections, type OpenConnection } from './worker-connections.js';

export interface DeniedConnection extends ConnectionKey {
  readonly workerIndex: number;
  readonly reason: string;
}

/** Every open connection of the node: what policy needs to look at it again, and how far its bytes were counted. */
export class ConnectionTable {
  readonly #workers = new Map<number, WorkerConnections>();
  readonly #kinds = new ConnectionKinds();

  constructor(private readonly slots: number = DEFAULT_LIMITS.maxConnections) {}

  add(
    opened: ConnectionOpened,
    workerIndex: number,
    about: Pick<ConnectionKind, 'traffic' | 'authority' | 'bytes'>,
  ): OpenConnection {
    let worker = this.#workers.get(workerIndex);
    if (worker === undefined) {
      worker = new WorkerConnections(workerIndex, this.slots);
      this.#workers.set(workerIndex, worker);
    }
    const { connectionId, counterSlot, source } = opened;
    const kind = this.#kinds.of(opened, about);
    worker.add(counterSlot, kind, opened);
    const { details, traffic, authority } = kind;
    return { connectionId, workerIndex, counterSlot, source, details, traffic, authority };
  }

  /** Counts the last bytes and forgets it; null if it was never opened. */
  close(
    { connectionId, counterSlot, receivedBytes, sentBytes }: ConnectionClosed,
    workerIndex: number,
  ): OpenConnection | null {
    const worker = this.#workers.get(workerIndex);
    if (worker?.has(counterSlot, connectionId) !== true) return null;
    worker.countLastBytes(counterSlot, receivedBytes, sentBytes);
    const connection = worker.at(counterSlot);
    worker.remove(counterSlot);
    return connection;
  }

  /** Adds what was transferred since the last time, from the cells that workers write. */
  countBytes(counters: readonly Float64Array[]): void {
    for (const [index, worker] of this.#workers) {
      const cells = counters[index];
      if (cells !== undefined) worker.countBytes(cells);
    }
  }

  /**
   * Evaluates open inbound connections again, by the destination's present workload; those that are denied now are returned
   * once. Connections of one client to one port share the evaluation.
   */
  reevaluate(
    view: MeshView,
    workloadOf: (podUid: string) => Workload | null,
    only?: OpenConnection,
  ): readonly DeniedConnection[] {
    const decisions = new Map<string, PolicyDecision | null>();
    const denied: DeniedConnection[] = [];
    for (const connection of only === undefined ? this.all() : [only]) {
      const { connectionId, counterSlot, details, workerIndex } = connection;
      const worker = this.#workers.get(workerIndex)!;
      if (details.direction !== 'inbound' || worker.isClosing(counterSlot)) continue;
      const context = contextOf(connection);
      if (context === null) continue;
      const { source, dial, identity, key } = context;
      let decision = decisions.get(key);
      if (decision === undefined) {
        const local = workloadOf(details.podUid);
        const on = { sourceIp: source.ip, destinationIp: dial.ip, destinationPort: dial.port, identity };
        decision = local === null ? null : evaluatePolicies(on, view.policiesFor(local).policies);
        decisions.set(key, decision);
      }
      if (decision?.decision !== 'deny') continue;
      worker.setClosing(counterSlot);
      denied.push({ connectionId, counterSlot, workerIndex, reason: describeDenial(decision) });
    }
    return denied;
  }

  *all(): Iterable<OpenConnection> {
    for (const worker of this.#workers.values()) yield* worker.all();
  }

  get size(): number {
    return [...this.#workers.values()].reduce((sum, { size }) => sum + size, 0);
  }
}

function contextOf({
  source: from,
  details,
}: OpenConnection): { source: SocketAddress; dial: SocketAddress; identity: SpiffeId | null; key: string } | null {
  const source = parseSocketAddress(from);
  const dial = parseSocketAddress(details.actualDestination);
  if (source === null || dial === null) return null;
  const parsed = details.peerIdentity === null ? null : parseSpiffeId(details.peerIdentity);
  const identity = parsed?.ok === true ? parsed.value : null;
  return {
    source,
    dial,
    identity,
    key: `${details.podUid} ${source.ip.text} ${details.peerIdentity ?? ''} ${details.actualDestination}`,
  };
}
