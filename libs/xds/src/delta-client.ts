import type { DeltaResponse } from './delta-response.js';
import type { FirstRequest } from './first-request.js';
import { DeltaDiscoveryRequest } from './gen/envoy/service/discovery/v3/discovery.js';
import type { Node } from './gen/envoy/config/core/v3/base.js';

/** One resource as it came: `body` is the content of its `Any`. */
export interface DeltaResource {
  readonly name: string;
  readonly version: string;
  readonly typeUrl: string;
  readonly body: Uint8Array;
  readonly aliases: readonly string[];
}

/** What one response changes, or a part of it: removals come with the last part. Apply `upserts` before `removals`. */
export interface DeltaUpdate {
  readonly typeUrl: string;
  readonly upserts: readonly DeltaResource[];
  readonly removals: readonly string[];
}

export interface RejectedResource {
  readonly name: string;
  readonly reason: string;
}

export interface DeltaSubscription {
  readonly typeUrl: string;
  /**
   * `wildcard`: the server sends everything. `on-demand`: only names given to `subscribe`. `when-asked`: as that, and the type is
   * not mentioned before the first name.
   */
  readonly mode: 'wildcard' | 'on-demand' | 'when-asked';
  /**
   * Each resource means something without the others of its response, so that something else may be done between its parts. Of
   * policies that allow and deny, say, it does not hold.
   */
  readonly divisible?: boolean;
  /** Applies the update and returns what it could not read; the rest of the update counts as applied. */
  readonly apply: (update: DeltaUpdate) => readonly RejectedResource[];
}

export interface DeltaClientOptions {
  readonly node: Node;
  readonly subscriptions: readonly DeltaSubscription[];
  /** One response of every wildcard type was handled; called once in the client's life. */
  readonly onSynced?: () => void;
  readonly onRejected?: (typeUrl: string, rejected: readonly RejectedResource[]) => void;
}

interface TypeState {
  readonly subscription: DeltaSubscription;
  /** Versions of everything held. A rejected resource is not here, so that a reconnect gets it again. */
  readonly versions: Map<string, string>;
  /** Names asked for one by one. */
  readonly wanted: Set<string>;
  handled: boolean;
}

/**
 * Resources of a large response are applied in parts of so many, so that they need not all be in memory at one time: few enough
 * to be gone before a young generation of one megabyte is full.
 */
const PART = 100;

/**
 * The client half of the incremental xDS protocol for one ADS stream, as a state machine without sockets or time: give it
 * what arrived, send what it returns, in order. What it holds survives the stream, so after a reconnect the server sends
 * only what changed meanwhile.
 *
 * @see https://www.envoyproxy.io/docs/envoy/latest/api-docs/xds_protocol#incremental-xds
 */
export class DeltaClient {
  readonly #types = new Map<string, TypeState>();
  #connected = false;
  #synced = false;

  constructor(private readonly options: DeltaClientOptions) {
    for (const subscription of options.subscriptions) {
      this.#types.set(subscription.typeUrl, { subscription, versions: new Map(), wanted: new Set(), handled: false });
    }
  }

  get synced(): boolean {
    return this.#synced;
  }

  /** A new stream is open: the first request of each type. */
  connected(): readonly FirstRequest[] {
    this.#connected = true;
    const begun = [...this.#types.values()].filter(
      ({ subscription, wanted }) => subscription.mode !== 'when-asked' || wanted.size > 0,
    );
    return begun.map((state, index) => this.#firstRequest(state, index === 0));
  }

  /** The stream is gone; everything held stays. */
  disconnected(): void {
    this.#connected = false;
  }

  /**
   * Applies a response and returns the ACK or NACK. Valid resources of a NACKed response are applied all the same. Throws where
   * the response does: then it counts as not received, and the stream must be given up.
   */
  receive(response: DeltaResponse): DeltaDiscoveryRequest {
    const steps = this.receiveInSteps(response);
    for (;;) {
      const step = steps.next();
      if (step.done === true) return step.value;
    }
  }

  /**
   * The same, and yields after each part of a divisible type. The next response must not be begun before; one that is given up
   * half way counts as not received but for the parts that were applied.
   */
  *receiveInSteps(response: DeltaResponse): Generator<undefined, DeltaDiscoveryRequest> {
    const { typeUrl, nonce } = response;
    const state = this.#types.get(typeUrl);
    if (state === undefined) return DeltaDiscoveryRequest.fromPartial({ typeUrl, responseNonce: nonce });
    const rejected = yield* this.#apply(state, response);
    state.handled = true;
    this.#checkSynced();
    if (rejected.length === 0) return DeltaDiscoveryRequest.fromPartial({ typeUrl, responseNonce: nonce });
    this.options.onRejected?.(typeUrl, rejected);
    const message = rejected.map(({ name, reason }) => `${name}: ${reason}`).join('; ');
    return DeltaDiscoveryRequest.fromPartial({ typeUrl, responseNonce: nonce, errorDetail: { code: 0, message } });
  }

  /** Asks for resources by name; null if nothing has to be sent now (all known, or no stream: `connected` will ask). */
  subscribe(typeUrl: string, names: readonly string[]): DeltaDiscoveryRequest | null {
    const state = this.#state(typeUrl);
    const added = [...new Set(names)].filter((name) => !state.wanted.has(name));
    for (const name of added) state.wanted.add(name);
    if (added.length === 0 || !this.#connected) return null;
    return DeltaDiscoveryRequest.fromPartial({ typeUrl, resourceNamesSubscribe: added });
  }

  /** No longer interested. What is held under these names is forgotten; no removal is reported for it. */
  unsubscribe(typeUrl: string, names: readonly string[]): DeltaDiscoveryRequest | null {
    const state = this.#state(typeUrl);
    const dropped = names.filter((name) => state.wanted.delete(name));
    for (const name of dropped) state.versions.delete(name);
    if (dropped.length === 0 || !this.#connected) return null;
    return DeltaDiscoveryRequest.fromPartial({ typeUrl, resourceNamesUnsubscribe: dropped });
  }

  /** Versions held of one type, by resource name. */
  versions(typeUrl: string): ReadonlyMap<string, string> {
    return this.#state(typeUrl).versions;
  }

  *#apply(state: TypeState, response: DeltaResponse): Generator<undefined, readonly RejectedResource[]> {
    const rejected: RejectedResource[] = [];
    let upserts: DeltaResource[] = [];
    for (const { name, version, resource, aliases } of response.resources) {
      if (resource === undefined) rejected.push({ name, reason: 'has no content' });
      else if (resource.typeUrl !== response.typeUrl) rejected.push({ name, reason: `is a ${resource.typeUrl}` });
      else upserts.push({ name, version, typeUrl: resource.typeUrl, body: resource.value, aliases });
      if (upserts.length < PART) continue;
      rejected.push(...applyPart(state, upserts, []));
      upserts = [];
      if (state.subscription.divisible === true) yield;
    }
    rejected.push(...applyPart(state, upserts, response.removedResources));
    for (const { name } of rejected) state.versions.delete(name);
    return rejected;
  }

  #firstRequest(state: TypeState, withNode: boolean): FirstRequest {
    const { typeUrl, mode } = state.subscription;
    const unheld = [...state.wanted].filter((name) => !state.versions.has(name));
    const request = DeltaDiscoveryRequest.fromPartial({
      ...(withNode ? { node: this.options.node } : {}),
      typeUrl,
      // Istio's convention for "this type, but push nothing unasked": subscribe to the wildcard and take it back at once.
      resourceNamesSubscribe: mode === 'on-demand' ? ['*', ...state.wanted] : [...state.wanted],
      resourceNamesUnsubscribe: mode === 'on-demand' ? ['*'] : [],
      initialResourceVersions: Object.fromEntries(unheld.map((name) => [name, ''])),
    });
    return { request, versions: state.versions };
  }

  #checkSynced(): void {
    if (this.#synced) return;
    for (const { subscription, handled } of this.#types.values())
      if (subscription.mode === 'wildcard' && !handled) return;
    this.#synced = true;
    this.options.onSynced?.();
  }

  #state(typeUrl: string): TypeState {
    const state = this.#types.get(typeUrl);
    if (state === undefined) throw new TypeError(`${typeUrl} is not a type of this client`);
    return state;
  }
}

function applyPart(
  { subscription, versions }: TypeState,
  upserts: readonly DeltaResource[],
  removals: readonly string[],
): readonly RejectedResource[] {
  const rejected = subscription.apply({ typeUrl: subscription.typeUrl, upserts, removals });
  const bad = new Set(rejected.map(({ name }) => name));
  for (const { name, version } of upserts) {
    if (bad.has(name)) versions.delete(name);
    else versions.set(name, version);
  }
  for (const name of removals) versions.delete(name);
  return rejected;
}
