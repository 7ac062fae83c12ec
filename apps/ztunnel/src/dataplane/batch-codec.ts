import type { ConnectionClosed, ConnectionOpened, FromWorker, InboundContext } from './messages.js';

/** What outbound connections to one target have in common. */
type Route = Omit<ConnectionOpened, 'type' | 'connectionId' | 'counterSlot' | 'source' | 'direction' | 'inbound'>;

const OPENED_INBOUND = 0;
const OPENED_OUTBOUND = 1;
const CLOSED = 2;

type Packed =
  | readonly [typeof OPENED_INBOUND, context: number, id: number, slot: number, actual: string, revision: number]
  | readonly [typeof OPENED_OUTBOUND, route: number, connectionId: number, counterSlot: number, source: string]
  | readonly [
      typeof CLOSED,
      id: number,
      slot: number,
      received: number,
      sent: number,
      ms: number,
      why: string,
      flag: string,
      error?: string,
    ]
  | FromWorker;

interface Batch {
  readonly contexts: readonly InboundContext[];
  readonly routes: readonly Route[];
  readonly messages: readonly Packed[];
}

/**
 * Gathers messages of a worker into one JSON text: a third of the work of a structured clone of many small objects. Of
 * connections that have all but their ids and ports in common, that is written once.
 */
export class BatchWriter {
  #contexts = new Map<InboundContext, number>();
  #routes: Route[] = [];
  #routeOf = new Map<number, number>();
  #messages: Packed[] = [];

  get count(): number {
    return this.#messages.length;
  }

  add(message: FromWorker): void {
    this.#messages.push(this.#packed(message));
  }

  /** The text, and begins anew. */
  take(): string {
    const batch: Batch = { contexts: [...this.#contexts.keys()], routes: this.#routes, messages: this.#messages };
    this.#contexts = new Map();
    this.#routes = [];
    this.#routeOf = new Map();
    this.#messages = [];
    return JSON.stringify(batch);
  }

  #packed(message: FromWorker): Packed {
    if (message.type === 'connectionOpened') {
      return (message.direction === 'inbound' ? this.#inbound(message) : this.#outbound(message)) ?? message;
    }
    if (message.type !== 'connectionClosed') return message;
    const { connectionId, counterSlot, receivedBytes, sentBytes, durationMs, why, flag, error } = message;
    const common = [CLOSED, connectionId, counterSlot, receivedBytes, sentBytes, durationMs, why, flag] as const;
    return error === undefined ? common : [...common, error];
  }

  #inbound(opened: ConnectionOpened): Packed | null {
    const { inbound, connectionId, counterSlot, actualDestination } = opened;
    if (inbound === undefined || opened.trace !== undefined || !saidByContext(opened, inbound)) return null;
    let index = this.#contexts.get(inbound);
    if (index === undefined) {
      index = this.#contexts.size;
      this.#contexts.set(inbound, index);
    }
    return [OPENED_INBOUND, index, connectionId, counterSlot, actualDestination, opened.verdictRevision ?? -1];
  }

  #outbound(opened: ConnectionOpened): Packed | null {
    const { targetId, source, connectionId, counterSlot } = opened;
    if (opened.trace !== undefined) return null;
    if (targetId === undefined || opened.inbound !== undefined || opened.verdictRevision !== undefined) return null;
    let index = this.#routeOf.get(targetId);
    if (index === undefined || !isSameRoute(this.#routes[index]!, opened)) {
      const { podUid, transport, destination, actualDestination, peerIdentity, peerBaggage } = opened;
      const route = { podUid, transport, destination, actualDestination, peerIdentity, targetId };
      index = this.#routes.push(peerBaggage === undefined ? route : { ...route, peerBaggage }) - 1;
      this.#routeOf.set(targetId, index);
    }
    return [OPENED_OUTBOUND, index, connectionId, counterSlot, source];
  }
}

/** The messages of a text that `BatchWriter` made. Connections of one context share its object. */
export function readBatch(text: string): readonly FromWorker[] {
  const { contexts, routes, messages } = JSON.parse(text) as Batch;
  return messages.map(
    (packed) => (Array.isArray(packed) ? unpacked(packed as Exclude<Packed, FromWorker>) : packed) as FromWorker,
  );

  function unpacked(packed: Exclude<Packed, FromWorker>): ConnectionOpened | ConnectionClosed {
    if (packed[0] === OPENED_INBOUND) {
      const inbound = contexts[packed[1]]!;
      const { podUid, transport, source, destination, peerIdentity } = inbound;
      return {
        type: 'connectionOpened',
        connectionId: packed[2],
        podUid,
        direction: 'inbound',
        transport,
        source,
        destination,
        // One text for all of them, where it is the same.
        actualDestination: packed[4] === destination ? destination : packed[4],
        inbound,
        ...(packed[5] < 0 ? {} : { verdictRevision: packed[5] }),
        peerIdentity,
        counterSlot: packed[3],
      };
    }
    if (packed[0] === OPENED_OUTBOUND) {
      const { podUid, transport, destination, actualDestination, peerIdentity, peerBaggage, targetId } =
        routes[packed[1]]!;
      return {
        type: 'connectionOpened',
        connectionId: packed[2],
        podUid,
        direction: 'outbound',
        transport,
        source: packed[4],
        destination,
        actualDestination,
        targetId: targetId!,
        peerIdentity,
        ...(peerBaggage === undefined ? {} : { peerBaggage }),
        counterSlot: packed[3],
      };
    }
    const [, connectionId, counterSlot, receivedBytes, sentBytes, durationMs, why, flag, error] = packed;
    return {
      type: 'connectionClosed',
      connectionId,
      counterSlot,
      receivedBytes,
      sentBytes,
      durationMs,
      flag: flag as ConnectionClosed['flag'],
      ...(error === undefined ? {} : { error }),
      why,
    };
  }
}

function saidByContext(opened: ConnectionOpened, inbound: InboundContext): boolean {
  return (
    opened.targetId === undefined &&
    opened.peerBaggage === undefined &&
    opened.podUid === inbound.podUid &&
    opened.transport === inbound.transport &&
    opened.source === inbound.source &&
    opened.destination === inbound.destination &&
    opened.peerIdentity === inbound.peerIdentity
  );
}

function isSameRoute(route: Route, opened: ConnectionOpened): boolean {
  return (
    route.podUid === opened.podUid &&
    route.transport === opened.transport &&
    route.destination === opened.destination &&
    route.actualDestination === opened.actualDestination &&
    route.peerIdentity === opened.peerIdentity &&
    route.peerBaggage === opened.peerBaggage
  );
}
