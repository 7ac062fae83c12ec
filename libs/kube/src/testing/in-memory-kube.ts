import { randomUUID } from 'node:crypto';
import { KubeApiError } from '../errors.js';
import { KubeClient, type KubeClientOptions } from '../kube-client.js';
import type { KubeObject } from '../resource-type.js';
import type { KubeRequest, KubeTransport, WatchEvent, WatchHandler } from '../transport.js';
import { describeRequest } from '../transport.js';
import { matchesFields, matchesLabels } from './selectors.js';

interface Change {
  readonly version: number;
  readonly collection: string;
  readonly event: WatchEvent & { object: Stored };
  readonly before: Stored | null;
}
type Stored = KubeObject & { metadata: NonNullable<KubeObject['metadata']> } & Record<string, unknown>;

interface Place {
  /** `/api/v1/pods`: the collection across namespaces. */
  readonly collection: string;
  readonly namespace: string | undefined;
  readonly name: string | undefined;
  readonly subresource: string | undefined;
}

const PATH =
  /^(\/api\/[^/]+|\/apis\/[^/]+\/[^/]+)(?:\/namespaces\/([^/]+)(?=\/))?\/([^/]+)(?:\/([^/]+))?(?:\/([^/]+))?$/;

/**
 * An API server's storage behind the transport port, for unit tests without sockets: resource versions, optimistic concurrency,
 * watch with bookmarks and 410, selectors, status subresource, generation, finalizers. It knows no schemas, no defaulting, no
 * admission; apply is a merge patch without field ownership. For all that use the embedded API server.
 *
 * `react` may answer or refuse any request first; `compact`, `breakWatches` and `offline` are the troubles of real life.
 */
export class InMemoryKube implements KubeTransport {
  readonly requests: KubeRequest[] = [];
  /** Return undefined to let the request through. */
  react: (request: KubeRequest) => unknown = () => undefined;
  offline: Error | null = null;
  readonly #objects = new Map<string, Map<string, Stored>>();
  #history: Change[] = [];
  #version = 100;
  #compactedTo = 0;
  readonly #watches = new Set<{ deliver: (change: Change) => void; bookmark: () => void; end: () => void }>();

  client(options: KubeClientOptions = {}): KubeClient {
    return new KubeClient(this, options);
  }

  /** Forgets the history, so that a watch from the past gets 410. */
  compact(): void {
    this.#history = [];
    this.#compactedTo = this.#version;
  }

  /** Raises the version without a change that anybody watches. */
  skipVersions(count: number): void {
    this.#version += count;
  }

  sendBookmarks(): void {
    for (const watch of this.#watches) watch.bookmark();
  }

  breakWatches(): void {
    for (const watch of [...this.#watches]) watch.end();
  }

  get openWatches(): number {
    return this.#watches.size;
  }

  close(): void {
    this.breakWatches();
  }

  async request(request: KubeRequest): Promise<unknown> {
    await Promise.resolve();
    if (this.offline !== null) throw this.offline;
    this.requests.push(request);
    const reaction: unknown = this.react(request);
    if (reaction !== undefined) {
      if (reaction instanceof Error) throw reaction;
      return structuredClone(reaction);
    }
    return structuredClone(this.#serve(request, placeOf(request)));
  }

  async watch(request: KubeRequest, handler: WatchHandler, signal: AbortSignal): Promise<void> {
    await Promise.resolve();
    if (this.offline !== null) throw this.offline;
    this.requests.push(request);
    const from = Number(request.query?.['resourceVersion'] ?? this.#version);
    if (from < this.#compactedTo) throw refuse(request, 410, 'Expired', 'too old resource version');
    handler.opened();
    const place = placeOf(request);
    const matches = (object: Stored | null): boolean => object !== null && inScope(object, place, request);
    const deliver = (change: Change): void => {
      if (change.collection !== place.collection || change.version <= from) return;
      const event = selected(change, matches);
      if (event !== null) handler.event(structuredClone(event));
    };
    for (const change of this.#history) deliver(change);
    await new Promise<void>((resolve) => {
      const bookmark = () =>
        handler.event({ type: 'BOOKMARK', object: { metadata: { resourceVersion: String(this.#version) } } });
      const end = () => {
        this.#watches.delete(watch);
        resolve();
      };
      const watch = { deliver, bookmark, end };
      this.#watches.add(watch);
      signal.addEventListener('abort', watch.end, { once: true });
      if (signal.aborted) watch.end();
    });
  }

  #serve(request: KubeRequest, place: Place): unknown {
    const { method } = request;
    if (method === 'POST' && place.subresource === 'binding') return this.#bind(request, place);
    if (method === 'POST') return this.#create(request, place);
    if (place.name === undefined) return this.#list(request, place);
    const existing = this.#find(place);
    if (
      existing === undefined &&
      request.contentType?.startsWith('application/apply-patch') &&
      place.subresource === undefined
    ) {
      return this.#create(request, place);
    }
    if (existing === undefined) throw refuse(request, 404, 'NotFound', `${place.name} not found`);
    if (method === 'GET') return existing;
    if (method === 'DELETE') return this.#delete(request, place, existing);
    return this.#update(request, place, existing);
  }

  #list(request: KubeRequest, place: Place): unknown {
    const items = [...(this.#objects.get(place.collection)?.values() ?? [])].filter((object) =>
      inScope(object, place, request),
    );
    return { metadata: { resourceVersion: String(this.#version) }, items };
  }

  #create(request: KubeRequest, place: Place): Stored {
    const body = structuredClone(request.body) as Stored;
    const name = body.metadata.name ?? `${body.metadata.generateName ?? ''}${randomUUID().slice(0, 5)}`;
    if (this.#find({ ...place, name }) !== undefined)
      throw refuse(request, 409, 'AlreadyExists', `${name} already exists`);
    body.metadata = {
      ...body.metadata,
      name,
      ...(place.namespace === undefined ? {} : { namespace: place.namespace }),
      uid: randomUUID(),
      creationTimestamp: new Date().toISOString(),
      generation: 1,
    };
    return this.#store(place, 'ADDED', body, null);
  }

  #bind(request: KubeRequest, place: Place): unknown {
    const pod = this.#find(place) as (Stored & { spec?: object; status?: { conditions?: object[] } }) | undefined;
    if (pod === undefined) throw refuse(request, 404, 'NotFound', `${place.name ?? ''} not found`);
    const { target } = request.body as { target: { name: string } };
    const conditions = [{ type: 'PodScheduled', status: 'True' }];
    const bound = { ...pod, spec: { ...pod.spec, nodeName: target.name }, status: { ...pod.status, conditions } };
    this.#store(place, 'MODIFIED', bound, pod);
    return { kind: 'Status', status: 'Success' };
  }

  #update(request: KubeRequest, place: Place, existing: Stored): Stored {
    const body = structuredClone(request.body) as Stored;
    const wantedVersion = (body as KubeObject).metadata?.resourceVersion;
    if (wantedVersion !== undefined && wantedVersion !== existing.metadata.resourceVersion) {
      throw refuse(request, 409, 'Conflict', 'the object has been modified');
    }
    if (request.contentType?.startsWith('application/json-patch'))
      throw new TypeError('the in-memory API knows no JSON patch');
    const next = request.method === 'PUT' ? body : (mergePatch(existing, body) as Stored);
    const { uid, creationTimestamp, generation = 1, deletionTimestamp } = existing.metadata;
    const inStatus = place.subresource === 'status';
    const merged = (
      inStatus ? { ...existing, status: next['status'] } : { ...next, status: existing['status'] ?? next['status'] }
    ) as Stored;
    if (merged['status'] === undefined) delete merged['status'];
    const specChanged = !inStatus && JSON.stringify(existing['spec']) !== JSON.stringify(merged['spec']);
    merged.metadata = {
      ...merged.metadata,
      uid,
      creationTimestamp,
      generation: generation + (specChanged ? 1 : 0),
    } as Stored['metadata'];
    if (deletionTimestamp !== undefined) merged.metadata.deletionTimestamp = deletionTimestamp;
    if (sameButVersion(existing, merged)) return existing;
    if (deletionTimestamp !== undefined && (merged.metadata.finalizers ?? []).length === 0)
      return this.#remove(place, merged);
    return this.#store(place, 'MODIFIED', merged, existing);
  }

  #delete(request: KubeRequest, place: Place, existing: Stored): Stored {
    const { preconditions } = (request.body ?? {}) as { preconditions?: { uid?: string; resourceVersion?: string } };
    if (preconditions?.uid !== undefined && preconditions.uid !== existing.metadata.uid) {
      throw refuse(request, 409, 'Conflict', 'the UID in the precondition is not that of the object');
    }
    if ((existing.metadata.finalizers ?? []).length === 0) return this.#remove(place, existing);
    if (existing.metadata.deletionTimestamp !== undefined) return existing;
    const marked = {
      ...existing,
      metadata: { ...existing.metadata, deletionTimestamp: new Date().toISOString() },
    } as Stored;
    return this.#store(place, 'MODIFIED', marked, existing);
  }

  #find({ collection, namespace, name }: Place): Stored | undefined {
    return this.#objects.get(collection)?.get(`${namespace ?? ''}/${name ?? ''}`);
  }

  #remove(place: Place, last: Stored): Stored {
    this.#objects.get(place.collection)?.delete(`${last.metadata.namespace ?? ''}/${last.metadata.name ?? ''}`);
    const object = this.#versioned(last);
    this.#publish({
      version: this.#version,
      collection: place.collection,
      event: { type: 'DELETED', object },
      before: last,
    });
    return object;
  }

  #store(place: Place, type: 'ADDED' | 'MODIFIED', object: Stored, before: Stored | null): Stored {
    const stored = this.#versioned(object);
    let objects = this.#objects.get(place.collection);
    if (objects === undefined) this.#objects.set(place.collection, (objects = new Map<string, Stored>()));
    objects.set(`${stored.metadata.namespace ?? ''}/${stored.metadata.name ?? ''}`, stored);
    this.#publish({ version: this.#version, collection: place.collection, event: { type, object: stored }, before });
    return stored;
  }

  #versioned(object: Stored): Stored {
    return { ...object, metadata: { ...object.metadata, resourceVersion: String(++this.#version) } };
  }

  #publish(change: Change): void {
    this.#history.push(change);
    for (const watch of [...this.#watches]) watch.deliver(change);
  }
}

/** The event as a watch with a selector sees it: an object that stops matching is deleted to it. */
function selected(change: Change, matches: (object: Stored | null) => boolean): WatchEvent | null {
  const before = matches(change.before);
  const after = change.event.type !== 'DELETED' && matches(change.event.object);
  if (after) return { type: before ? 'MODIFIED' : 'ADDED', object: change.event.object };
  return before ? { type: 'DELETED', object: change.event.object } : null;
}

function inScope(object: Stored, place: Place, request: KubeRequest): boolean {
  if (place.namespace !== undefined && object.metadata.namespace !== place.namespace) return false;
  const { labelSelector, fieldSelector } = request.query ?? {};
  return (
    matchesLabels(String(labelSelector ?? ''), object.metadata.labels ?? {}) &&
    matchesFields(String(fieldSelector ?? ''), object)
  );
}

function placeOf(request: KubeRequest): Place {
  const match = PATH.exec(request.path);
  if (match === null) throw refuse(request, 404, 'NotFound', `no such path: ${request.path}`);
  const [, group, namespace, plural, name, subresource] = match;
  return { collection: `${group!}/${plural!}`, namespace, name, subresource };
}

function refuse(request: KubeRequest, code: number, reason: string, message: string): KubeApiError {
  return new KubeApiError(describeRequest(request), code, { kind: 'Status', code, reason, message });
}

function mergePatch(target: unknown, patch: unknown): unknown {
  if (typeof patch !== 'object' || patch === null || Array.isArray(patch)) return patch;
  const result: Record<string, unknown> =
    typeof target === 'object' && target !== null && !Array.isArray(target) ? { ...target } : {};
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) Reflect.deleteProperty(result, key);
    else result[key] = mergePatch(result[key], value);
  }
  return result;
}

function sameButVersion(a: Stored, b: Stored): boolean {
  const plain = (object: Stored) =>
    JSON.stringify(sorted({ ...object, metadata: { ...object.metadata, resourceVersion: '' } }));
  return plain(a) === plain(b);
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, item]) => [key, sorted(item)]),
  );
}
