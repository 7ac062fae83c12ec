import { DeltaServerSession, type Delivery, type Nack } from './delta-server-session.js';
import { ResourceStore, type ResourceChanges } from './delta-server-store.js';

/** The resources of every served type and the sessions that follow them. Types are pushed in the order given. */
export class DeltaServer {
  readonly #stores: ReadonlyMap<string, ResourceStore>;
  readonly #sessions = new Set<DeltaServerSession>();

  constructor(
    typeUrls: readonly string[],
    private readonly delivery: Delivery = { order: 'any' },
    /** Somebody asked for resources of this type one by one, by these keys. */
    private readonly onAsked?: (typeUrl: string, keys: readonly string[]) => void,
  ) {
    this.#stores = new Map(typeUrls.map((typeUrl) => [typeUrl, new ResourceStore(typeUrl)]));
  }

  get sessions(): ReadonlySet<DeltaServerSession> {
    return this.#sessions;
  }

  serves(typeUrl: string): boolean {
    return this.#stores.has(typeUrl);
  }

  /** Types whose resources bring those of this type along. */
  ownersOf(typeUrl: string): readonly string[] {
    if (this.delivery.order === 'any') return [];
    return [...this.delivery.companions].filter(([, companion]) => companion === typeUrl).map(([owner]) => owner);
  }

  store(typeUrl: string): ResourceStore {
    const store = this.#stores.get(typeUrl);
    if (store === undefined) throw new TypeError(`${typeUrl} is not a type of this server`);
    return store;
  }

  /** Takes changes over; sessions give them out at their next `poll`. */
  apply(typeUrl: string, changes: ResourceChanges): void {
    const store = this.store(typeUrl);
    store.apply(changes);
    let oldest = store.sequence;
    for (const session of this.#sessions) oldest = Math.min(oldest, session.positionOf(typeUrl) ?? oldest);
    store.compact(oldest);
  }

  /** What clients have asked for one by one. */
  wanted(typeUrl: string): ReadonlySet<string> {
    const all = new Set<string>();
    for (const session of this.#sessions) for (const name of session.wantedOf(typeUrl)) all.add(name);
    return all;
  }

  /** One per stream; `close` it when the stream ends. */
  open(onNack: (nack: Nack) => void): DeltaServerSession {
    const session = new DeltaServerSession(this.#stores, onNack, this.delivery, this.onAsked);
    this.#sessions.add(session);
    return session;
  }

  close(session: DeltaServerSession): void {
    this.#sessions.delete(session);
  }
}
