import { BinaryReader, BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import type { DeltaPush, DeltaServerSession, Nack, WatchState } from './delta-server-session.js';
import type { DeltaServer } from './delta-server.js';
import {
  DeltaDiscoveryRequest,
  DiscoveryResponse,
  type DiscoveryRequest,
} from './gen/envoy/service/discovery/v3/discovery.js';
import { ENDPOINT_TYPE_URL, ROUTE_TYPE_URL, SECRET_TYPE_URL } from './type-urls.js';
import { VersionSum } from './version-sum.js';
import type { XdsResource } from './xds-resource.js';

/** One response to send. `encodeSotwPush` gives the bytes of a DiscoveryResponse. */
export interface SotwPush {
  readonly typeUrl: string;
  readonly nonce: string;
  readonly version: string;
  /** Field `resources` of the response. */
  readonly payload: Buffer;
}

interface Watch {
  /** Every resource that the client has, by name. */
  readonly held: Map<string, XdsResource>;
  readonly sum: VersionSum;
  wanted: Set<string>;
  /** The client never named anything: it follows all, as long as it goes on so. */
  wildcard: boolean;
  lastNonce: string;
  /** Not answered yet, the oldest first. */
  unanswered: string[];
}

/** Asked for by name, and sent alone: that one is missing in a response says nothing of it. Of all other types a response is complete. */
const PARTIAL: ReadonlySet<string> = new Set([ENDPOINT_TYPE_URL, ROUTE_TYPE_URL, SECRET_TYPE_URL]);
const WILDCARD = '*';
const RESOURCES_TAG = (2 << 3) | WireType.LengthDelimited;
const RESOURCE_FIELD = 2;

export function encodeSotwPush({ typeUrl, nonce, version, payload }: SotwPush): Buffer {
  const envelope = DiscoveryResponse.fromPartial({ versionInfo: version, typeUrl, nonce });
  return Buffer.concat([payload, DiscoveryResponse.encode(envelope).finish()]);
}

/**
 * The server half of state-of-the-world xDS for one stream: the incremental session of the same engine, with its order and its
 * patience, in the words of the older protocol. What the client has is held here by reference, and sent whole where the
 * protocol wants it whole.
 *
 * @see https://www.envoyproxy.io/docs/envoy/latest/api-docs/xds_protocol#basic-protocol-overview
 */
export class SotwServerSession {
  readonly #watches = new Map<string, Watch>();
  readonly #delta: DeltaServerSession;

  constructor(
    private readonly server: DeltaServer,
    onNack: (nack: Nack) => void,
  ) {
    this.#delta = server.open(onNack);
  }

  close(): void {
    this.server.close(this.#delta);
  }

  states(): readonly WatchState[] {
    return this.#delta.states();
  }

  /** What changed since, in the order and with the patience of the engine. */
  poll(nowMs: number): readonly SotwPush[] {
    return this.#fold(this.#delta.poll(nowMs), nowMs);
  }

  /** Takes a request in and returns what it has to be answered with. */
  receive(request: DiscoveryRequest, nowMs: number): readonly SotwPush[] {
    const watch = this.#watches.get(request.typeUrl);
    if (watch === undefined) return this.#begin(request, nowMs);
    const { typeUrl, responseNonce: nonce, resourceNames, errorDetail } = request;
    const position = watch.unanswered.indexOf(nonce);
    // Of a stream before this one, or of a response before one that was answered.
    if (nonce !== '' && nonce !== watch.lastNonce && position === -1) return [];
    // Who has answered a response has seen those before it.
    const passed = watch.unanswered.splice(0, position + 1).slice(0, -1);
    const pushes = passed.flatMap((one) => this.#tell({ typeUrl, responseNonce: one }, nowMs));
    const names = nonce === '' || nonce === watch.lastNonce ? this.#rename(watch, resourceNames) : {};
    const answer = position === -1 ? {} : { responseNonce: nonce, ...(errorDetail && { errorDetail }) };
    if (Object.keys(names).length + Object.keys(answer).length === 0) return pushes;
    return [...pushes, ...this.#tell({ typeUrl, ...answer, ...names }, nowMs)];
  }

  #begin(request: DiscoveryRequest, nowMs: number): readonly SotwPush[] {
    const { typeUrl, resourceNames: names, versionInfo } = request;
    const partial = PARTIAL.has(typeUrl);
    const wildcard = names.includes(WILDCARD) || (names.length === 0 && !partial);
    const wanted = new Set(names.filter((name) => name !== WILDCARD));
    const watch: Watch = {
      held: new Map(),
      sum: new VersionSum(),
      wanted,
      wildcard,
      lastNonce: '',
      unanswered: [],
    };
    this.#watches.set(typeUrl, watch);
    const known = this.#alreadyHas(watch, typeUrl, versionInfo);
    const initialResourceVersions = Object.fromEntries(known.map(({ name, version }) => [name, version]));
    for (const resource of known) hold(watch, resource);
    return this.#tell(
      {
        typeUrl,
        initialResourceVersions,
        resourceNamesSubscribe: wildcard || wanted.size === 0 ? [WILDCARD, ...wanted] : [...wanted],
        resourceNamesUnsubscribe: wildcard || wanted.size > 0 ? [] : [WILDCARD],
      },
      nowMs,
      known.length > 0,
    );
  }

  /** After a reconnect, all that it asks for, if the version says that it has it; otherwise nothing. */
  #alreadyHas({ wildcard, wanted }: Watch, typeUrl: string, version: string): readonly XdsResource[] {
    if (version === '' || !this.server.serves(typeUrl)) return [];
    // What belongs to something that was sent anew has to come with it.
    if (this.server.ownersOf(typeUrl).some((owner) => this.#watches.get(owner)?.lastNonce !== '')) return [];
    const store = this.server.store(typeUrl);
    const resources = wildcard ? [...store.values()] : [...wanted].flatMap((name) => store.get(name) ?? []);
    const sum = new VersionSum();
    for (const resource of resources) sum.add(resource.version);
    return sum.text === version ? resources : [];
  }

  /** The changes in what is asked for. */
  #rename(
    watch: Watch,
    names: readonly string[],
  ): Partial<Pick<DeltaDiscoveryRequest, 'resourceNamesSubscribe' | 'resourceNamesUnsubscribe'>> {
    const wanted = new Set(names.filter((name) => name !== WILDCARD));
    const wildcard = names.includes(WILDCARD) || (watch.wildcard && names.length === 0 && watch.wanted.size === 0);
    const added = [...wanted].filter((name) => !watch.wanted.has(name));
    const dropped = [...watch.wanted].filter((name) => !wanted.has(name));
    if (wildcard && !watch.wildcard) added.push(WILDCARD);
    if (!wildcard && watch.wildcard) dropped.push(WILDCARD);
    watch.wanted = wanted;
    watch.wildcard = wildcard;
    if (!wildcard) for (const name of watch.held.keys()) if (!wanted.has(name)) release(watch, name);
    return {
      ...(added.length > 0 && { resourceNamesSubscribe: added }),
      ...(dropped.length > 0 && { resourceNamesUnsubscribe: dropped }),
    };
  }

  #tell(
    fields: Parameters<typeof DeltaDiscoveryRequest.fromPartial>[0],
    nowMs: number,
    mayBeSilent = false,
  ): readonly SotwPush[] {
    return this.#fold(this.#delta.receive(DeltaDiscoveryRequest.fromPartial(fields), nowMs), nowMs, mayBeSilent);
  }

  #fold(pushes: readonly DeltaPush[], nowMs: number, mayBeSilent = false): readonly SotwPush[] {
    return pushes.flatMap((push) => {
      const { typeUrl, nonce, changes } = push;
      const watch = this.#watches.get(typeUrl);
      if (watch === undefined) return [];
      for (const resource of changes.upserts) hold(watch, resource);
      for (const name of changes.removals) release(watch, name);
      const nothing = changes.upserts.length === 0 && (PARTIAL.has(typeUrl) || mayBeSilent);
      // The engine waits for an answer to what this protocol has no way to say.
      if (nothing) return this.#tell({ typeUrl, responseNonce: nonce }, nowMs);
      watch.lastNonce = nonce;
      watch.unanswered.push(nonce);
      const payload = PARTIAL.has(typeUrl) ? encodeAll(changes.upserts) : this.#whole(typeUrl, watch);
      return [{ typeUrl, nonce, version: watch.sum.text, payload }];
    });
  }

  /** Encoded once for all clients that have exactly what the engine has. */
  #whole(typeUrl: string, { held, wildcard, sum }: Watch): Buffer {
    if (!wildcard || !this.server.serves(typeUrl)) return encodeAll(held.values());
    return this.server.store(typeUrl).encodedOnce(sum.text, () => encodeAll(held.values()));
  }
}

function hold(watch: Watch, resource: XdsResource): void {
  release(watch, resource.name);
  watch.held.set(resource.name, resource);
  watch.sum.add(resource.version);
}

function release({ held, sum }: Watch, name: string): void {
  const old = held.get(name);
  if (old === undefined) return;
  held.delete(name);
  sum.remove(old.version);
}

function encodeAll(resources: Iterable<XdsResource>): Buffer {
  const writer = new BinaryWriter();
  for (const resource of resources) writer.uint32(RESOURCES_TAG).bytes(packed(resource));
  return Buffer.from(writer.finish());
}

/** The message as `google.protobuf.Any`, which is a part of the encoded resource. */
function packed({ name, encoded }: XdsResource): Uint8Array {
  const reader = new BinaryReader(encoded);
  while (reader.pos < reader.len) {
    const [field, type] = reader.tag();
    if (field === RESOURCE_FIELD) return reader.bytes();
    reader.skip(type);
  }
  throw new TypeError(`resource ${name} has no body`);
}
