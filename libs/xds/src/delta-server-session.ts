import { type DeltaDiscoveryRequest, DeltaDiscoveryResponse } from './gen/envoy/service/discovery/v3/discovery.js';
import { encodeChanges, type EncodedChanges, type ResourceStore } from './delta-server-store.js';
import type { XdsResource } from './xds-resource.js';

/** One response to send. `encode` gives the bytes of a DeltaDiscoveryResponse. */
export interface DeltaPush {
  readonly typeUrl: string;
  readonly nonce: string;
  readonly version: string;
  readonly changes: EncodedChanges;
}

export function encodeDeltaPush({ typeUrl, nonce, version, changes }: DeltaPush): Buffer {
  const envelope = DeltaDiscoveryResponse.fromPartial({ systemVersionInfo: version, typeUrl, nonce });
  return Buffer.concat([changes.payload, DeltaDiscoveryResponse.encode(envelope).finish()]);
}

export interface Nack {
  readonly typeUrl: string;
  readonly nonce: string;
  readonly message: string;
}

/**
 * Whether a client has what there is. `rejected`: it refused what it was sent last, and uses what it had before. `unanswered`: it
 * has not answered yet. `waiting`: there is more, which waits for its answers to other types.
 */
export type SyncState = 'synced' | 'rejected' | 'unanswered' | 'waiting';

/** State of one type of one client, for people. */
export interface WatchState {
  readonly typeUrl: string;
  readonly mode: 'wildcard' | 'on-demand';
  readonly subscriptions: number;
  readonly sync: SyncState;
  readonly sentVersion: string;
  readonly ackedVersion: string;
  readonly inFlight: number;
  readonly nacks: number;
  readonly lastNack: string | null;
}

interface InFlight {
  readonly version: number;
  readonly sentAtMs: number;
}

/**
 * In which order a client gets changes of several types. `any`: each type as soon as it can. `make-before-break`: a type
 * waits until the client acknowledged those before it (but for companions), and removals of the types in `removeLast` wait for all: nothing that
 * is in use loses what it refers to. `companions`: whoever is sent a resource of the first type is also sent the one of the
 * same name of the second (a changed Envoy cluster waits for its endpoints, even for those it had). `comesWhenAsked`: a resource
 * that is not there because nobody has asked for it. Who does is not told that it is missing, but waits for it; and when it goes, it
 * goes at once, since requests are to wait from then on.
 *
 * @see https://www.envoyproxy.io/docs/envoy/latest/api-docs/xds_protocol#eventual-consistency-considerations
 */
export type Delivery =
  | { readonly order: 'any' }
  | {
      readonly order: 'make-before-break';
      readonly removeLast: ReadonlySet<string>;
      /** They also wait so long: connections that are being drained still use what they were made for. */
      readonly removeAfterMs: number;
      readonly companions: ReadonlyMap<string, string>;
      readonly comesWhenAsked?: (typeUrl: string, name: string) => boolean;
    };

interface Watch {
  readonly store: ResourceStore;
  wildcard: boolean;
  /** Log position of what was sent. */
  position: number;
  acked: number;
  /** Keys asked for one by one, and names that came with them. */
  readonly wanted: Set<string>;
  /** Versions sent of what was asked for one by one. */
  readonly sent: Map<string, string>;
  readonly inFlight: Map<string, InFlight>;
  /** To be sent once more, changed or not. */
  readonly again: Set<string>;
  /** Gone, and not yet told. */
  readonly heldRemovals: Map<string, number>;
  nacks: number;
  lastNack: string | null;
}

const NOTHING_WANTED: ReadonlySet<string> = new Set();
const WILDCARD = '*';
/** A client that acknowledges nothing for so long is sent changes all the same. */
const ACK_DEADLINE_MS = 30_000;
/** A client that asks on and on without acknowledging costs no more memory than this many answers. */
const MAX_IN_FLIGHT = 1024;

/**
 * The server half of incremental xDS for one stream, without sockets or clock. Changes are held back while a response of
 * the same type is unacknowledged, so that a slow client gets the newest state once and never a queue of old ones.
 *
 * @see https://www.envoyproxy.io/docs/envoy/latest/api-docs/xds_protocol#incremental-xds
 */
export class DeltaServerSession {
  readonly #watches = new Map<string, Watch>();
  #nonces = 0;

  /** Types in `stores` are pushed in their order. */
  constructor(
    private readonly stores: ReadonlyMap<string, ResourceStore>,
    private readonly onNack: (nack: Nack) => void,
    private readonly delivery: Delivery = { order: 'any' },
    private readonly onAsked: (typeUrl: string, keys: readonly string[]) => void = () => undefined,
  ) {}

  /** Takes a request in and returns what it has to be answered with. A type that is not served gets one empty response. */
  receive(request: DeltaDiscoveryRequest, nowMs: number): readonly DeltaPush[] {
    const { typeUrl, responseNonce } = request;
    const store = this.stores.get(typeUrl);
    if (store === undefined) return responseNonce === '' ? [this.#unserved(typeUrl)] : [];
    const watch = this.#watches.get(typeUrl);
    if (watch === undefined) return this.#begin(store, request, nowMs);
    if (responseNonce !== '') this.#acknowledge(watch, request);
    const asked = this.#subscribe(watch, request.resourceNamesSubscribe, true);
    this.#unsubscribe(watch, request.resourceNamesUnsubscribe);
    const pushes = asked === null ? [] : [this.#send(watch, asked, watch.position, nowMs)];
    // In order, an acknowledgement may be what the next type waited for.
    const more = this.delivery.order === 'any' ? this.#pushOf(watch, nowMs) : this.poll(nowMs);
    return [...pushes, ...more];
  }

  /** What changed since, of every type whose last response is acknowledged. */
  poll(nowMs: number): readonly DeltaPush[] {
    if (this.delivery.order === 'any') {
      return [...this.stores.keys()].flatMap((typeUrl) => {
        const watch = this.#watches.get(typeUrl);
        return watch === undefined ? [] : this.#pushOf(watch, nowMs);
      });
    }
    const pushes: DeltaPush[] = [];
    let waitsFor: string | null = null;
    for (const typeUrl of this.stores.keys()) {
      // Envoy acknowledges clusters only once it has their endpoints, so that those must not wait for it.
      if (waitsFor !== null && this.delivery.companions.get(waitsFor) !== typeUrl) return pushes;
      const watch = this.#watches.get(typeUrl);
      if (watch === undefined) continue;
      pushes.push(...this.#pushOf(watch, nowMs));
      if (this.#isWaiting(watch, nowMs)) waitsFor ??= typeUrl;
    }
    return waitsFor === null ? [...pushes, ...this.#lateRemovals(nowMs)] : pushes;
  }

  /** The log position up to which this client was served; undefined if it does not watch the type. */
  positionOf(typeUrl: string): number | undefined {
    return this.#watches.get(typeUrl)?.position;
  }

  /** What this client has asked for one by one. */
  wantedOf(typeUrl: string): ReadonlySet<string> {
    return this.#watches.get(typeUrl)?.wanted ?? NOTHING_WANTED;
  }

  states(): readonly WatchState[] {
    return [...this.#watches].map(([typeUrl, watch]) => ({
      typeUrl,
      mode: watch.wildcard ? 'wildcard' : 'on-demand',
      subscriptions: watch.wanted.size,
      sync: syncOf(watch),
      sentVersion: String(watch.position),
      ackedVersion: String(watch.acked),
      inFlight: watch.inFlight.size,
      nacks: watch.nacks,
      lastNack: watch.lastNack,
    }));
  }

  #begin(store: ResourceStore, request: DeltaDiscoveryRequest, nowMs: number): readonly DeltaPush[] {
    const { resourceNamesSubscribe: names, resourceNamesUnsubscribe: dropped } = request;
    const watch: Watch = {
      store,
      wildcard: (names.length === 0 || names.includes(WILDCARD)) && !dropped.includes(WILDCARD),
      position: store.sequence,
      acked: 0,
      wanted: new Set(),
      sent: new Map(),
      inFlight: new Map(),
      again: new Set(),
      heldRemovals: new Map(),
      nacks: 0,
      lastNack: null,
    };
    this.#watches.set(store.typeUrl, watch);
    const versions = new Map(Object.entries(request.initialResourceVersions));
    if (watch.wildcard) {
      const changes = versions.size === 0 ? store.changesSince(0) : store.changesFor(versions);
      return [this.#send(watch, changes, store.sequence, nowMs)];
    }
    for (const [name, version] of versions) if (version !== '') watch.sent.set(name, version);
    const keys = [...names, ...versions.keys()].filter((name) => name !== WILDCARD);
    const asked = this.#subscribe(watch, keys, false);
    return [this.#send(watch, asked ?? encodeChanges({ upserts: [], removals: [] }), store.sequence, nowMs)];
  }

  #acknowledge(watch: Watch, { responseNonce, errorDetail }: DeltaDiscoveryRequest): void {
    const answered = watch.inFlight.get(responseNonce);
    // A nonce of another stream or one answered twice says nothing.
    if (answered === undefined) return;
    watch.inFlight.delete(responseNonce);
    if (errorDetail === undefined) {
      watch.acked = Math.max(watch.acked, answered.version);
      watch.lastNack = null;
      return;
    }
    watch.nacks++;
    watch.lastNack = errorDetail.message;
    this.onNack({ typeUrl: watch.store.typeUrl, nonce: responseNonce, message: errorDetail.message });
  }

  /**
   * The answer to names asked for; null if none were. A key that nothing answers to is reported as removed, unless it is to come. `resend`: also
   * what the client was sent before, since who asks again has forgotten it.
   */
  #subscribe(watch: Watch, names: readonly string[], resend: boolean): EncodedChanges | null {
    const keys = names.filter((name) => name !== WILDCARD);
    if (keys.length < names.length && !watch.wildcard) return this.#followAll(watch, keys);
    if (keys.length === 0) return null;
    const upserts = new Map<string, XdsResource>();
    const removals: string[] = [];
    for (const key of keys) {
      watch.wanted.add(key);
      const found = this.#expand(watch, key);
      if (found.length === 0 && !this.#isToCome(watch, key)) removals.push(key);
      for (const resource of found) {
        upserts.set(resource.name, resource);
        if (resend) watch.sent.delete(resource.name);
      }
    }
    for (const name of removals) watch.sent.delete(name);
    this.onAsked(watch.store.typeUrl, keys);
    return this.#unsent(watch, [...upserts.values()], removals);
  }

  #followAll(watch: Watch, keys: readonly string[]): EncodedChanges {
    watch.wildcard = true;
    for (const key of keys) watch.wanted.add(key);
    watch.sent.clear();
    return watch.store.changesSince(0);
  }

  /** What answers to a key, and what belongs to that; the client follows all of it from now on. */
  #expand(watch: Watch, key: string): readonly XdsResource[] {
    const found = new Map<string, XdsResource>();
    for (const resource of watch.store.lookup(key)) {
      found.set(resource.name, resource);
      watch.wanted.add(resource.name);
      for (const related of watch.store.lookup(resource.name)) found.set(related.name, related);
    }
    return [...found.values()];
  }

  #unsent(watch: Watch, resources: readonly XdsResource[], removals: readonly string[]): EncodedChanges {
    // A wildcard client may be behind; then it is sent again what it may have, which does no harm.
    const upserts = resources.filter(({ name, version }) => watch.sent.get(name) !== version);
    if (!watch.wildcard) for (const { name, version } of upserts) watch.sent.set(name, version);
    return encodeChanges({ upserts, removals });
  }

  #unsubscribe(watch: Watch, names: readonly string[]): void {
    for (const name of names) {
      if (name === WILDCARD) watch.wildcard = false;
      watch.wanted.delete(name);
      watch.sent.delete(name);
    }
  }

  #pushOf(watch: Watch, nowMs: number): readonly DeltaPush[] {
    const { store, position, again } = watch;
    if ((position === store.sequence && again.size === 0) || this.#isWaiting(watch, nowMs)) return [];
    watch.position = store.sequence;
    for (const name of again) watch.sent.delete(name);
    const changes = watch.wildcard
      ? store.changesSince(position)
      : this.#changesOfWanted(watch, [...new Set([...store.namesSince(position), ...again])]);
    again.clear();
    const kept = this.#withoutLateRemovals(watch, changes, nowMs);
    if (kept.upserts.length + kept.removals.length === 0) return [];
    return [this.#send(watch, kept, store.sequence, nowMs)];
  }

  #withoutLateRemovals(watch: Watch, changes: EncodedChanges, nowMs: number): EncodedChanges {
    if (this.delivery.order === 'any' || !this.delivery.removeLast.has(watch.store.typeUrl)) return changes;
    for (const { name } of changes.upserts) watch.heldRemovals.delete(name);
    if (changes.removals.length === 0) return changes;
    const removals = changes.removals.filter((name) => this.#isToCome(watch, name));
    for (const name of changes.removals) if (!removals.includes(name)) watch.heldRemovals.set(name, nowMs);
    return encodeChanges({ upserts: changes.upserts, removals });
  }

  #isToCome({ store: { typeUrl } }: Watch, name: string): boolean {
    return this.delivery.order !== 'any' && this.delivery.comesWhenAsked?.(typeUrl, name) === true;
  }

  /** Only when every type is settled. */
  #lateRemovals(nowMs: number): readonly DeltaPush[] {
    const { delivery } = this;
    if (delivery.order === 'any') return [];
    return [...this.#watches.values()].flatMap((watch) => {
      if (watch.heldRemovals.size === 0) return [];
      const due = [...watch.heldRemovals].filter(([, since]) => nowMs - since >= delivery.removeAfterMs);
      for (const [name] of due) watch.heldRemovals.delete(name);
      const removals = due.map(([name]) => name).filter((name) => watch.store.get(name) === undefined);
      if (removals.length === 0) return [];
      return [this.#send(watch, encodeChanges({ upserts: [], removals }), watch.position, nowMs)];
    });
  }

  #isWaiting(watch: Watch, nowMs: number): boolean {
    for (const { sentAtMs } of watch.inFlight.values()) if (nowMs - sentAtMs < ACK_DEADLINE_MS) return true;
    return false;
  }

  #changesOfWanted(watch: Watch, names: readonly string[]): EncodedChanges {
    const upserts = new Map<string, XdsResource>();
    const removals: string[] = [];
    for (const name of names) {
      const resource = watch.store.get(name);
      if (resource === undefined) {
        if (watch.sent.delete(name)) removals.push(name);
        continue;
      }
      const { aliases, relatedTo } = resource;
      const follows = watch.sent.has(name) || watch.wanted.has(name) || relatedTo.some((key) => watch.wanted.has(key));
      if (follows) upserts.set(name, resource);
      // Something new under an address that was asked for: its own workloads come along.
      for (const alias of aliases) {
        if (watch.wanted.has(alias)) for (const found of this.#expand(watch, alias)) upserts.set(found.name, found);
      }
    }
    return this.#unsent(watch, [...upserts.values()], removals);
  }

  #send(watch: Watch, changes: EncodedChanges, version: number, nowMs: number): DeltaPush {
    watch.position = Math.max(watch.position, version);
    const nonce = String(++this.#nonces);
    if (watch.inFlight.size >= MAX_IN_FLIGHT) watch.inFlight.delete(watch.inFlight.keys().next().value!);
    watch.inFlight.set(nonce, { version: watch.position, sentAtMs: nowMs });
    this.#bringCompanions(watch, changes);
    return { typeUrl: watch.store.typeUrl, nonce, version: String(watch.position), changes };
  }

  #bringCompanions(watch: Watch, { upserts }: EncodedChanges): void {
    if (this.delivery.order === 'any') return;
    const companion = this.#watches.get(this.delivery.companions.get(watch.store.typeUrl) ?? '');
    if (companion === undefined) return;
    for (const { name } of upserts) if (companion.wanted.has(name)) companion.again.add(name);
  }

  #unserved(typeUrl: string): DeltaPush {
    return {
      typeUrl,
      nonce: String(++this.#nonces),
      version: '0',
      changes: encodeChanges({ upserts: [], removals: [] }),
    };
  }
}

function syncOf({ lastNack, inFlight, position, store, again }: Watch): SyncState {
  if (lastNack !== null) return 'rejected';
  if (inFlight.size > 0) return 'unanswered';
  // Removals that are held back for what drains are as wanted.
  return position === store.sequence && again.size === 0 ? 'synced' : 'waiting';
}
